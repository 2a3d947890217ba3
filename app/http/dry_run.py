"""A dry run: the rule of a write runs on the latest snapshot, and its changes are dropped."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from app.errors import RequestError
from app.registry.readable import index
from app.store.clock_watch import latest_time
from app.store.contract import Outcome, Rule, Store, check_changes
from app.store.overlay import Overlay
from app.store.records import Origin
from app.store.steps import with_pauses

DRY_RUN = "Visor-Dry-Run"

_REVS = ("rev", "created_rev", "claim_rev")


class DryRun:
    """Stands for the store in one write. `rev` is the rev of the snapshot that it is tried on.

    A call of several commits has each of them see those before it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._planned: Overlay | None = None
        self._last: datetime | None = None
        """When the latest commit was made."""
        self.rev = 0

    def apart(self) -> "DryRun":
        """For a commit that does not depend on those before it: they are forgotten, but for the rev."""
        made = DryRun(self._store)
        made.rev = self.rev
        return made

    async def transact(self, rule: Rule, origin: Origin) -> Outcome:
        """As `Store.transact`, and nothing is committed."""
        await asyncio.sleep(0)  # a call of a hundred commits gives others their turn, as the store would
        planned = await self._on()
        at = latest_time(datetime.now(UTC), self._last)
        try:
            changes = rule(planned, at)
        except RequestError as error:
            error.rev = planned.rev if error.rev is None else error.rev
            raise
        if not changes.empty:
            check_changes(changes)
            await with_pauses(planned.committing(changes, planned.rev + 1))
        record = planned.get(changes.answer) if changes.answer else None
        return Outcome(planned.rev, changes, record, False)

    def planned_on(self, rev: int) -> None:
        """A plan was made on the snapshot at `rev`, and is not carried out."""
        self.rev = rev

    async def _on(self) -> Overlay:
        if self._planned is None:
            snapshot = await self._store.latest()
            self.rev = self.rev or snapshot.rev
            journal = await self._store.journal_at(self.rev)
            self._last = journal.at if journal else None
            self._planned = Overlay(snapshot, index)
        return self._planned

    def body(self, body: bytes) -> bytes:
        """The write's own, without revs that were never given: they are null."""
        answer: dict[str, Any] = from_json(body)
        revs = {name: answer[name] for name in _REVS if name in answer}
        if all(rev is None or rev <= self.rev for rev in revs.values()):
            return body
        return to_json({**answer, **{name: None for name, rev in revs.items() if rev and rev > self.rev}})
