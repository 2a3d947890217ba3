"""A plan: the changes of several rules together, with their answer and a hash that identifies them."""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json, to_json

from app.errors import RevMismatch
from app.models import keys
from app.models.base import rfc3339
from app.models.diff import Action
from app.models.paths import DECLARED
from app.registry.difference import NO_FIELDS, Difference
from app.registry.idempotency import MAX_ANSWER, WholeAnswer
from app.registry.planner import Planner
from app.store.contract import Changes
from app.store.steps import STEP, Steps

_REVS = ("rev", "created_rev")

_HASHED = 50
"""Changes that are hashed at once: a large app's takes a millisecond."""

SHOWN = DECLARED | {"scale"}
"""What the changes of a plan are told of; instances are told by their ids."""


@dataclass(frozen=True, slots=True)
class CommitPlan(WholeAnswer):
    """The answer of a plan. Until it is committed the revs of what it makes are null. `made`: the time that
    it tells of as now, and the one that it was committed at."""

    content: dict[str, Any]
    made: tuple[bytes, bytes] | None = None

    def kept(self) -> bytes:
        """What an idempotency record keeps of it: of a long one not each change."""
        size = 0
        for change in self.content["changes"]:
            size += len(to_json(change))
            if size >= MAX_ANSWER:
                return to_json({**self.content, "changes": []})
        body = to_json(self.content)
        return body if len(body) < MAX_ANSWER else to_json({**self.content, "changes": []})

    def answer(self, rev: int, committed: bool) -> Steps[bytes]:
        """The body, with the rev of the commit that it became, or of the snapshot that it was made on."""
        body = yield from _answer(self.content, rev, committed)
        return body if self.made is None else body.replace(*self.made)


def answer_of(kept: bytes, rev: int) -> Steps[bytes]:
    """The first answer again: what is kept of a plan that was committed at `rev`."""
    return _answer(from_json(kept), rev, True)


def _answer(answer: dict[str, Any], rev: int, committed: bool) -> Steps[bytes]:
    changes = []
    for number, change in enumerate(answer["changes"], start=1):
        changes.append(to_json(_made(change, rev) if committed else change))
        if number % STEP == 0:
            yield
    whole = to_json({**answer, "rev": rev, "changes": []})
    # A string in JSON cannot hold a bare quote, so this can only be the list itself.
    return whole.replace(b'"changes":[]', b'"changes":[%b]' % b",".join(changes), 1)


def _made(change: dict[str, Any], rev: int) -> dict[str, Any]:
    """The change as it was committed at `rev`."""
    if change["after"] is None:
        return change
    after = {
        name: rev if value is None and name in _REVS else value for name, value in change["after"].items()
    }
    return {**change, "rev_after": rev, "after": after}


def made_at(changes: Changes, planned: datetime, at: datetime) -> Changes:
    """The changes that were planned at one time, as they are made at another. Wherever they tell of their own
    time, to the microsecond, they tell of the new one; nothing older can name it."""
    old, new = rfc3339(planned).encode(), rfc3339(at).encode()
    # What was encoded here stays `Encoded`: it need not be looked at again.
    puts = {key: type(value)(value.replace(old, new)) for key, value in changes.puts.items()}
    result = changes.result
    if isinstance(result, CommitPlan):
        result = dataclasses.replace(result, made=(old, new))
    return dataclasses.replace(changes, puts=puts, result=result)


# all that the rules of the planner want, as one
def plan(
    planner: Planner,
    wanted: str | None,
    started: Sequence[int] = (),
    stopped: Sequence[int] = (),
    undoes: Sequence[int] = (),
) -> Steps[Changes]:
    """The changes, whose `result` is the CommitPlan. Raises what the planner has noted, and RevMismatch
    where the plan is not the one that is `wanted`."""
    planner.check()
    changes = yield from planner.changes()
    differences = yield from planner.differences(changes, SHOWN)
    hashed = yield from _hash(differences, len(started), len(stopped))
    if wanted is not None and wanted != hashed:
        raise RevMismatch(
            "What would be changed is no longer what was planned: look at the new plan, and send that.",
            plan=hashed,
        )
    actions = Counter(difference.action for difference in differences)
    shown = []
    for number, difference in enumerate(differences, start=1):
        shown.append(_unmade(difference))
        if number % STEP == 0:
            yield
    changes.result = CommitPlan(
        {
            "rev": None,
            "plan": hashed,
            "changes": shown,
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


def _unmade(difference: Difference) -> dict[str, Any]:
    """A change whose object is not made yet."""
    answer = difference.as_json(guard=None if difference.before is None else difference.before.rev)
    after = answer["after"]
    if after is not None:
        fresh = difference.action is not Action.UPDATE
        answer["after"] = {**after, "rev": None, **({"created_rev": None} if fresh else {})}
    return {**answer, "rev_after": None}


def _hash(differences: Sequence[Difference], start: int, stop: int) -> Steps[str]:
    """Of all that is meant by the changes: not of when objects came to be, nor of ports that are given out in
    their order, which changes elsewhere would move."""
    hashed = hashlib.sha256(b"[[")
    for number, difference in enumerate(differences):
        if number:
            hashed.update(b",")
        meant = [
            difference.key,
            difference.action,
            *(_content(difference, side) for side in difference.states),
        ]
        hashed.update(json.dumps(meant, sort_keys=True, separators=(",", ":")).encode())
        if number % _HASHED == 0:
            yield
    hashed.update(b"],%d,%d]" % (start, stop))
    return hashed.hexdigest()


def _content(difference: Difference, state: dict[str, Any] | None) -> dict[str, Any] | None:
    if state is None:
        return None
    given_out = (
        {"port"}
        if difference.key.startswith(keys.PROCTYPES) and difference.action is Action.CREATE
        else set()
    )
    return {name: value for name, value in state.items() if name not in NO_FIELDS | given_out}
