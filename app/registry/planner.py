"""Runs several rules as one change: each sees the changes of those before it, and all errors are
collected. Work on many objects is done in steps, so that other work can run in between.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from app.errors import BodyTooLarge, Conflict, InvalidRequest, RequestError, TooManyChanges
from app.registry.difference import Difference, difference
from app.registry.readable import index
from app.store.contract import MAX_CHANGES, Changes, Snapshot
from app.store.overlay import Overlay
from app.store.steps import STEP, Steps

COUNTERS = "counter/"

MOST_TOLD = 100
"""Refusals that are told of one document."""

Pointer = Sequence[str | int]
"""A place in the document."""


def pointer_of(place: Pointer) -> str:
    """The place as a JSON pointer."""
    if place and place[-1] == "[key]":
        place = place[:-1]  # pydantic's, for the name of a member
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)


class Planner:
    """Runs rules on an overlay of a snapshot. What they refuse is kept: `check` raises it."""

    def __init__(self, snapshot: Snapshot, at: datetime) -> None:
        self._snapshot = snapshot
        self._at = at
        self.draft = Overlay(snapshot, index)
        self._rev = snapshot.rev + 1
        self._errors: list[dict[str, Any]] = []
        self._conflicts: list[dict[str, Any]] = []
        self._more = 0
        """Keys that would change, of rules that were not run for their number."""
        self.warnings: list[str] = []

    def run(
        self, path: str, place: Pointer, rule: Callable[..., Changes], *given: Any
    ) -> Steps[Changes | None]:
        """Run a rule for the object at a path, which the document names at a place. None where it refuses."""
        yield
        try:
            changes = rule(self.draft, self._at, *given)
        except BodyTooLarge:
            raise
        except InvalidRequest as error:
            for entry in error.members["errors"]:
                self.invalid([*place, *entry["loc"][1:]], entry["msg"], entry["type"])
            return None
        except RequestError as error:
            self.conflict(path, error.code, error.detail)
            return None
        yield from self.put(changes)
        return changes

    def put(self, changes: Changes) -> Steps[None]:
        """What was decided elsewhere is part of the plan too."""
        if not changes.empty:
            yield from self.draft.committing(changes, self._rev)

    def invalid(self, place: Pointer, msg: str, kind: str = "value_error") -> None:
        """Note what is wrong with the document."""
        loc = ["body", *place]
        self._errors.append({"loc": loc, "msg": msg, "type": kind, "pointer": pointer_of(place)})

    def conflict(self, path: str, code: str, detail: str) -> None:
        """Note what the state of the registry does not allow."""
        self._conflicts.append({"path": path, "code": code, "detail": detail})

    def has_room(self, more: int) -> bool:
        """Whether so many more keys fit into the commit; where not, they are counted for its refusal."""
        if len(self.draft.over) + self._more + more <= MAX_CHANGES:
            return True
        self._more += more
        return False

    def check(self) -> None:
        """Raises InvalidRequest, Conflict or TooManyChanges, with all that was noted."""
        if self._errors:
            shown = self._errors[:MOST_TOLD]
            more = f" (and {len(self._errors) - 1} more)" if len(self._errors) > 1 else ""
            raise InvalidRequest(f"{shown[0]['pointer']}: {shown[0]['msg']}{more}.", errors=shown)
        if self._conflicts:
            first = self._conflicts[0]
            more = f" {len(self._conflicts) - 1} more are in `conflicts`." if len(self._conflicts) > 1 else ""
            raise Conflict(f"{first['path']}: {first['detail']}{more}", conflicts=self._conflicts[:MOST_TOLD])
        if self._more or len(self.draft.over) > MAX_CHANGES:
            raise TooManyChanges.of(len(self.draft.over) + self._more, MAX_CHANGES)

    def changes(self) -> Steps[Changes]:
        """All of it as one change: what comes out as it was is left out."""
        made = Changes()
        for number, (key, record) in enumerate(self.draft.over.items(), start=1):
            if number % STEP == 0:
                yield
            before = self._snapshot.get(key)
            if record.deleted:
                if before is not None:
                    made.deletes.add(key)
            elif before is None or before.value != record.value or key.startswith(COUNTERS):
                made.puts[key] = record.value
        return made

    def differences(self, changes: Changes, kinds: frozenset[str]) -> Steps[list[Difference]]:
        """What becomes of the objects of these kinds, by key."""
        differences = []
        for key in sorted([*changes.puts, *changes.deletes]):
            if key.partition("/")[0] in kinds:
                yield
                changed = difference(self._snapshot.get(key), self.draft.get(key))
                if changed is not None:
                    differences.append(changed)
        return differences
