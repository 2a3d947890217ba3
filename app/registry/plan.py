"""A plan: what several rules want together, with the answer that tells it, and a hash that names it."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from app.errors import RevMismatch
from app.models import keys
from app.models.diff import Action
from app.models.paths import DECLARED
from app.registry.difference import NO_FIELDS, Difference
from app.registry.idempotency import MAX_ANSWER, WholeAnswer
from app.registry.planner import Planner
from app.store.contract import Changes

_REVS = ("rev", "created_rev")

SHOWN = DECLARED | {"scale"}
"""What the changes of a plan are told of; instances are told by their ids."""


@dataclass(frozen=True, slots=True)
class CommitPlan(WholeAnswer):
    """The answer of a plan. Until it is committed the revs of what it makes are null."""

    said: dict[str, Any]

    def kept(self) -> bytes:
        """What an idempotency record keeps of it: of a long one not each change."""
        body = to_json(self.said)
        return body if len(body) < MAX_ANSWER else to_json({**self.said, "changes": []})

    def answer(self, rev: int, committed: bool) -> bytes:
        """The body, with the rev of the commit that it became, or of the snapshot that it was made on."""
        return _answer(self.said, rev, committed)


def answer_of(kept: bytes, rev: int) -> bytes:
    """The first answer again: what is kept of a plan that was committed at `rev`."""
    return _answer(from_json(kept), rev, True)


def _answer(said: dict[str, Any], rev: int, committed: bool) -> bytes:
    if not committed:
        return to_json({**said, "rev": rev})
    changes = [one if one["after"] is None else _made(one, rev) for one in said["changes"]]
    return to_json({**said, "rev": rev, "changes": changes})


def _made(change: dict[str, Any], rev: int) -> dict[str, Any]:
    """The change as it was committed at `rev`."""
    after = {
        name: rev if value is None and name in _REVS else value for name, value in change["after"].items()
    }
    return {**change, "rev_after": rev, "after": after}


# all that the rules of the planner want, as one
def plan(
    planner: Planner,
    wanted: str | None,
    started: Sequence[int] = (),
    stopped: Sequence[int] = (),
    undoes: Sequence[int] = (),
) -> Changes:
    """The changes, whose `result` is the CommitPlan. Raises what the planner has noted, and RevMismatch
    where the plan is not the one that is `wanted`."""
    planner.check()
    changes = planner.changes()
    found = planner.differences(changes, SHOWN)
    hashed = _hash(found, len(started), len(stopped))
    if wanted is not None and wanted != hashed:
        raise RevMismatch(
            "What would be changed is no longer what was planned: look at the new plan, and send that.",
            plan=hashed,
        )
    actions = Counter(one.action for one in found)
    changes.result = CommitPlan(
        {
            "rev": None,
            "plan": hashed,
            "changes": [_said(one) for one in found],
            "counts": {
                "create": actions[Action.CREATE],
                "update": actions[Action.UPDATE] + actions[Action.REPLACE],
                "delete": actions[Action.DELETE],
                "start": len(started),
                "stop": len(stopped),
                "keys": len(changes.puts) + len(changes.deletes),
            },
            "started": list(started),
            "stopped": list(stopped),
            "undoes": list(undoes),
            "warnings": planner.warnings,
        }
    )
    return changes


def _said(one: Difference) -> dict[str, Any]:
    """A change whose object is not made yet."""
    said = one.said(guard=None if one.before is None else one.before.rev)
    after = said["after"]
    if after is not None:
        fresh = one.action is not Action.UPDATE
        said["after"] = {**after, "rev": None, **({"created_rev": None} if fresh else {})}
    return {**said, "rev_after": None}


def _hash(found: Sequence[Difference], start: int, stop: int) -> str:
    """Of all that is meant by the changes: not of when objects came to be, nor of ports that are given out in
    their order, which changes elsewhere would move."""
    meant = [[one.key, one.action, *(_content(one, side) for side in one.states)] for one in found]
    text = json.dumps([meant, start, stop], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _content(one: Difference, state: dict[str, Any] | None) -> dict[str, Any] | None:
    if state is None:
        return None
    given_out = {"port"} if one.key.startswith(keys.PROCTYPES) and one.action is Action.CREATE else set()
    return {name: value for name, value in state.items() if name not in NO_FIELDS | given_out}
