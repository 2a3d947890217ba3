"""An import in progress: a file is read as it arrives and turned into commits of many objects each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from app.errors import Conflict, CoordinatorUnavailable, InvalidRequest, RequestError
from app.http.context import Call, Context
from app.http.import_file import ImportFile
from app.http.permits import too_many
from app.http.writes import Write, nothing
from app.models import keys
from app.models.imports import Imported, ImportMode
from app.registry.import_entries import ORDER, ImportEntry
from app.registry.import_ports import Holders, PortsMoved, counter_rev, held_ports
from app.registry.imports import Done, Head, ImportBatch, put
from app.registry.transfer import thin
from app.store.contract import Changes, Outcome, Snapshot
from app.store.records import Record
from app.store.snapshots import find_page, scan

OBJECTS, OBJECTS_BYTES = 1000, 512 * 1024
"""Objects of one commit, and their bytes: the rule that puts them takes one turn of the event loop."""

LEASED = 10
"""What an object with a lease counts for: etcd gives leases one by one."""

RACES = 10
"""Times that the ports are looked through anew because others have registered proctypes meanwhile."""

MOST_PORTS = 100
"""New ports that are told."""

_PAGE, _PAGE_BYTES = 500, 1024 * 1024
_AFTER_REVISIONS = ORDER.index("revision") + 1


class Import:
    """One file, brought in by a write that may be a dry run."""

    def __init__(self, context: Context, call: Call, write: Write, mode: ImportMode) -> None:
        self._context = context
        self._call = call
        self._write = write
        self._mode = mode
        self._file = ImportFile(call.parts, context.channels.turns)
        self._entries: list[ImportEntry] = []
        self._heads: list[Head] = []
        self._heads_waiting: list[Head] = []
        self._weight = self._bytes = 0
        self._holders: Holders | None = None
        self._rev = 0
        self._commits = 0
        self._total = Done()

    async def run(self) -> Imported:
        """Raises RequestError, which says in `done` what was committed before. What is in one commit is not
        made before the last line was seen."""
        with self._alone():
            try:
                async for entry in self._file.entries():
                    if self._heads_waiting and ORDER.index(entry.kind) >= _AFTER_REVISIONS:
                        await self._take_heads()
                    await self._take(entry)
                await self._take_heads()
                await self._commit(last=True)
            except RequestError as error:
                raise self._with_progress(error) from error
        return self._imported()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        context = self._context
        if context.importing:
            raise too_many("An import is on its way already; there is one at a time.")
        # It takes as long as its client does: no place of a request is held for so long.
        self._call.permit.subscribe()
        context.importing = True
        try:
            yield
        finally:
            context.importing = False

    async def _take(self, entry: ImportEntry) -> None:
        weight = LEASED if entry.ttl is not None else 1
        await self._make_room(weight, len(entry.value))
        self._entries.append(entry)
        if entry.head is not None:
            self._heads_waiting.append(Head(entry.key, entry.head, entry.line, entry.updated_at))

    async def _take_heads(self) -> None:
        """What the heads name has come by now, where it comes at all."""
        waiting, self._heads_waiting = self._heads_waiting, []
        for head in waiting:
            record = self._context.store.stale().get(head.key)
            await self._make_room(1, 0 if record is None else len(record.value))
            self._heads.append(head)

    async def _make_room(self, weight: int, size: int) -> None:
        full = self._weight + weight > OBJECTS or self._bytes + size > OBJECTS_BYTES
        if full and (self._entries or self._heads):
            await self._commit()
        self._weight += weight
        self._bytes += size

    # Commits

    async def _commit(self, *, last: bool = False) -> None:
        entries, heads = self._entries, self._heads
        self._entries, self._heads = [], []
        self._weight = self._bytes = 0
        following = self._file.following if last else None
        has_ports = any(entry.kind == "proctype" for entry in entries)
        before = self._total.imported + self._total.unchanged + self._total.left
        for _ in range(RACES):
            if has_ports and self._holders is None:
                self._holders = await self._look_up_ports()
            holders = self._holders if has_ports else None
            batch = ImportBatch(entries, heads, self._mode, before, last, following, holders)
            try:
                outcome = await self._made(batch)
            except PortsMoved:
                self._holders = None
                continue
            self._note(outcome)
            return
        raise Conflict("Proctypes were registered again and again meanwhile. Send the same file again.")

    async def _made(self, batch: ImportBatch) -> Outcome:
        dry = self._write.is_dry

        def rule(snapshot: Snapshot, at: datetime) -> Changes:
            changes = put(snapshot, at, batch)
            return thin(changes) if dry else changes

        return await self._write.commit(rule, nothing)

    def _note(self, outcome: Outcome) -> None:
        done: Done = outcome.changes.result
        total = self._total
        total.imported += done.imported
        total.unchanged += done.unchanged
        total.left += done.left
        total.secrets += done.secrets
        total.ports += done.ports[: MOST_PORTS - len(total.ports)]
        self._rev = max(self._rev, self._write.rev_of(outcome))
        self._commits += done.commits
        if self._holders is not None and keys.PORT_COUNTER in outcome.changes.puts:
            self._holders = self._holders.with_more(done.taken, outcome.rev)

    async def _look_up_ports(self) -> Holders:
        """Page by page: there may be tens of thousands."""
        held: dict[int, str] = {}
        snapshot = await self._context.store.latest()
        rev, after = counter_rev(snapshot), ""
        while True:
            page, more = await find_page(snapshot, _proctypes, after, _PAGE, _PAGE_BYTES)
            held.update(held_ports(page))
            if not more:
                return Holders(held, rev)
            after = page[-1].key
            turns = self._context.channels.turns
            if turns.over:
                await turns.give_way()

    # What is told

    def _with_progress(self, error: RequestError) -> RequestError:
        total = self._total
        if self._write.is_dry:
            return error
        error.members["done"] = {
            "imported": total.imported,
            "unchanged": total.unchanged,
            "left": total.left,
            "commits": self._commits,
        }
        if self._commits:
            error.members["done"]["rev"] = self._rev
            go_on = "The same file goes on from there."
            if isinstance(error, InvalidRequest):
                go_on = "A file that is right goes on from there, where it begins alike."
            error.detail += f" {total.imported} objects were imported before, up to rev {self._rev}. {go_on}"
        elif not (isinstance(error, CoordinatorUnavailable) and error.members.get("outcome")):
            error.detail += " Nothing was imported."
        return error

    def _imported(self) -> Imported:
        total = self._total
        return Imported(
            rev=self._rev or self._context.store.rev,
            objects=self._file.objects,
            imported=total.imported,
            unchanged=total.unchanged,
            left=total.left,
            commits=self._commits,
            secrets=total.secrets,
            ports=total.ports,
        )


def _proctypes(snapshot: Snapshot, after: str, limit: int) -> Sequence[Record]:
    return scan(snapshot, keys.PROCTYPES, after=after, limit=limit)
