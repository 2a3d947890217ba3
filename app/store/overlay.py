"""A snapshot with changes on top that are not made, or not yet."""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from operator import attrgetter

from app.store.contract import UNREADABLE, Changes, Index, Reads, Snapshot
from app.store.history import History
from app.store.reads import touched
from app.store.records import Change, Groups, Record, carries
from app.store.steps import STEP, in_one_go


class Overlay:
    """A snapshot with changes on top that are not part of it: what a rule sees of those that ran before it.
    `terms` gives the terms of what is put."""

    def __init__(self, below: Snapshot, terms: Index) -> None:
        self._below = below
        self._terms = terms
        self._over: dict[str, Record] = {}
        self._more: defaultdict[str, int] = defaultdict(int)
        """By how many more keys a term is carried than below."""
        self._carriers: dict[str, set[str]] = {}
        """The keys on top that carry a term."""
        self.rev = below.rev

    @property
    def over(self) -> Mapping[str, Record]:
        """What is on top, by key; a deletion is a record without a value."""
        return self._over

    @property
    def blocking(self) -> bool:
        return self._below.blocking

    @property
    def changed(self) -> bool:
        """Whether there is anything on top."""
        return bool(self._over)

    def covers(self, key: str) -> bool:
        """Whether the key was changed on top."""
        return key in self._over

    def get(self, key: str) -> Record | None:
        record = self._over.get(key)
        if record is None:
            return self._below.get(key)
        return record if record.value else None

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        if reverse:
            return self._backwards(groups, limit)
        page = self._below.find(groups, after=after, limit=limit)
        if not self._over:
            return page
        records = [record for record in page if record.key not in self._over]
        most = limit or 0
        while limit is not None and len(page) == most and len(records) < limit:
            # What is hidden makes room for more of what is below.
            most = max(limit, STEP)
            page = self._below.find(groups, after=page[-1].key, limit=most)
            records += [record for record in page if record.key not in self._over]
        on_top = [record for record in self._on_top(groups) if record.key > after]
        return sorted(records + on_top, key=attrgetter("key"))[:limit]

    def _backwards(self, groups: Groups, limit: int | None) -> list[Record]:
        """The same from the last key down."""
        most = limit
        while True:
            page = self._below.find(groups, limit=most, reverse=True)
            records = [record for record in page if record.key not in self._over]
            if most is None or limit is None or len(page) < most or len(records) >= limit:
                break
            most *= 2
        records += self._on_top(groups)
        return sorted(records, key=attrgetter("key"), reverse=True)[:limit]

    def _on_top(self, groups: Groups) -> list[Record]:
        keys = {key for term in groups[0] for key in self._carriers.get(term, ())}
        return [record for key in keys if carries(record := self._over[key], groups)]

    def count(self, term: str) -> int:
        return self._below.count(term) + self._more.get(term, 0)

    def count_about(self, term: str) -> int:
        return self._below.count_about(term) + self._more.get(term, 0)

    def has_changed(self, reads: Reads) -> bool:
        on_top = (Change(key, self._below.get(key), record) for key, record in self._over.items())
        return self._below.has_changed(reads) or touched(reads, on_top)

    def commit(self, changes: Changes, rev: int) -> list[Change]:
        """Put the changes on top as of `rev`; what became of each key."""
        return in_one_go(self.committing(changes, rev))

    def committing(self, changes: Changes, rev: int) -> Generator[None, None, list[Change]]:
        """The same in steps: the draft is not to be read before the last."""
        made: list[Change] = []
        # Put on top only when all is made: an index that cannot take a value leaves nothing behind.
        over: dict[str, Record] = {}
        gone = self._gone(changes) if changes.deletes or changes.prefixes else ()
        for number, before in enumerate(gone, start=1):
            if before.key not in over and before.key not in changes.puts:
                made.append(Change(before.key, before, None))
                over[before.key] = Record(before.key, b"", 0, rev)
            if number % STEP == 0:
                yield
        for number, (key, value) in enumerate(changes.puts.items(), start=1):
            if number % STEP == 0:
                yield
            record = self.get(key)
            ttl, terms = changes.ttls.get(key), self._terms(key, value)
            if record is None:
                after = Record(key, value, rev, rev, ttl, terms)
            else:
                # What is the same in each version of a key is kept once.
                same = record.terms if record.terms == terms else terms
                after = Record(record.key, value, record.created_rev, rev, ttl, same)
            made.append(Change(after.key, record, after))
            over[key] = after
        for number, change in enumerate(made, start=1):
            self._note(change)
            if number % STEP == 0:
                yield
        self._over.update(over)
        self.rev = rev
        return made

    def _note(self, change: Change) -> None:
        was = change.before.terms if change.before is not None else ()
        now = change.after.terms if change.after is not None else ()
        if was is not now:
            for term in was:
                self._more[term] -= 1
                self._carriers.get(term, set()).discard(change.key)
            for term in now:
                self._more[term] += 1
        for term in now:
            self._carriers.setdefault(term, set()).add(change.key)

    def _gone(self, changes: Changes) -> Iterator[Record]:
        """The records to delete; one may come twice."""
        yield from (record for record in map(self.get, changes.deletes) if record is not None)
        for prefix in changes.prefixes:
            yield from self._all_below(prefix)
            yield from (record for record in self.find(((UNREADABLE,),)) if record.key.startswith(prefix))

    def _all_below(self, prefix: str) -> Iterator[Record]:
        after = ""
        while page := self.find(((prefix,),), after=after, limit=STEP):
            yield from page
            after = page[-1].key


class Draft(Overlay):
    """The latest snapshot of a history with changes on top that are not durable yet.

    The rules of one group of commits run on it one after the other, each seeing those before it.
    """

    def __init__(self, history: History) -> None:
        super().__init__(history.snapshot(history.rev), history.terms)
