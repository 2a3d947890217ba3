"""One group of rules, run one after the other on a draft, each seeing the changes of those before it: what
becomes one transaction of etcd's, in which each rule's commit has a rev of its own."""

import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.errors import RequestError
from app.store.clock_watch import ClockWatch, latest_time
from app.store.contract import Changes, Fences, Outcome, check_changes
from app.store.etcd.layout import RevisionJournal, WriteEntry, believed, is_bare
from app.store.etcd.read_set import Guards, Recording
from app.store.etcd.revs import COMMITS, NotNumbered, draft_rev, is_draft, made_rev, rev_of
from app.store.etcd.waiting import Take, WaitingWrite
from app.store.history import HeldSnapshot
from app.store.overlay import Draft
from app.store.records import Change, Journal, Record
from app.store.steps import STEP

MAX_KEYS = 120
"""Keys that a group changes, and keys that it guards: etcd takes 128 of each, and some are the store's
own."""

MAX_GROUP_BYTES = 512 * 1024
"""Of keys and values, about: etcd takes 1.5 MiB."""

SOLO_RACES = 3
"""A rule that has lost so many races goes alone: the fewer guards, the less there is to lose by."""


@dataclass(slots=True, eq=False)
class GroupedWrite:
    """A rule of the group: what it wants, and what comes of it. `answer` is the record that answers it."""

    waiting: WaitingWrite
    changes: Changes
    journal: Journal
    made: list[Change] = field(default_factory=list)
    answer: Record | None = None


class TransactionGroup:
    """`below` is the newest state held here, that at etcd's `revision`; `last` the time of its last
    commit."""

    def __init__(
        self,
        draft: Draft,
        below: HeldSnapshot,
        revision: int,
        fences: Fences,
        last: datetime,
        clock: Callable[[], datetime],
        watch: ClockWatch,
    ) -> None:
        self.id = os.urandom(16).hex()
        self.revision = revision
        self.formed = time.monotonic()
        self.members: list[GroupedWrite] = []
        self.guards = Guards(below)
        self.finals: dict[str, Record] = {}
        """The last version of each key that was changed; a deletion is one."""
        self.fences: dict[str, bool] = {}
        """Fences to be put, or (False) deleted."""
        self.alone = False
        """It has one member, whose prefixes, leases or size go with no other."""
        self.behind: list[WaitingWrite] = []
        """The writes that wait to learn what became of it."""
        self.renewing: Changes | None = None
        self._draft = draft
        self._below = below
        self._fences = fences
        self._last = last
        self._clock = clock
        self._watch = watch
        self._bytes = 0
        self._deletes = False

    @property
    def until(self) -> float:
        return min(member.waiting.until for member in self.members)

    @property
    def touched(self) -> set[str]:
        """The keys that it writes."""
        return self.finals.keys() | self.fences.keys()

    # Taking rules in

    def take(self, waiting: WaitingWrite, busy: set[str]) -> Take:
        """Run a rule, and have it in the group where it can be. `busy` are keys of which nobody knows."""
        if waiting.races >= SOLO_RACES and self.members:
            return Take.NEXT
        read = Recording(self._below, self._draft, self._fences)
        now = self._clock()
        self._watch.look(now, self._last)
        at = latest_time(now, self._last)
        try:
            changes = waiting.rule(read, at)
            if not changes.empty:
                check_changes(changes)
                return self._add(waiting, read, changes, at, busy)
        except NotNumbered:
            return Take.NEXT
        except RequestError as error:
            return self._refuse(waiting, read, error)
        except Exception as error:
            waiting.refuse(error)
            return Take.ANSWERED
        return self._without_commit(waiting, read, changes)

    def _refuse(self, waiting: WaitingWrite, read: Recording, error: RequestError) -> Take:
        # What is held may be old: a refusal counts only on the latest, and not if it hangs on the draft.
        if not waiting.confirmed:
            return Take.UNCONFIRMED
        if read.drafted:
            return Take.NEXT
        error.rev = read.rev if error.rev is None else error.rev
        waiting.refuse(error)
        return Take.ANSWERED

    def _without_commit(self, waiting: WaitingWrite, read: Recording, changes: Changes) -> Take:
        if not waiting.confirmed:
            return Take.UNCONFIRMED
        if read.drafted:
            return Take.NEXT
        if changes.renews:
            self.renewing = changes
            return Take.RENEWS
        record = read.get(changes.answer) if changes.answer else None
        waiting.tell(Outcome(read.rev, changes, record, False))
        return Take.ANSWERED

    def _add(
        self, waiting: WaitingWrite, read: Recording, changes: Changes, at: datetime, busy: set[str]
    ) -> Take:
        written = changes.puts.keys() | changes.deletes
        for key in written:
            read.guards.add(key)
        if busy and not busy.isdisjoint(written | read.guards.keys.keys()):
            return Take.BUSY
        size = _bytes_of(changes)
        if self._goes_alone(changes, read.guards, size):
            if self.members:
                return Take.NEXT
            self.alone = True
            self.guards.take(read.guards)
            self._last = at
            self.members.append(GroupedWrite(waiting, changes, believed(waiting.origin.journal(at))))
            return Take.LAST
        if self.members and not self._has_room(written, read.guards, size):
            return Take.NEXT
        if self._deletes and any(self._was_deleted(key, read.guards) for key in changes.puts):
            # etcd would keep the time of the first creation.
            return Take.NEXT
        # The next index only when the changes are made: what the index cannot take leaves nothing behind.
        made = self._draft.commit(changes, draft_rev(len(self.members) + 1))
        self.guards.take(read.guards)
        self._last = at
        answer = self._draft.get(changes.answer) if changes.answer else None
        self._keep(GroupedWrite(waiting, changes, believed(waiting.origin.journal(at)), made, answer))
        self._bytes += size
        return Take.LAST if waiting.races >= SOLO_RACES or len(self.members) == COMMITS else Take.IN

    def _goes_alone(self, changes: Changes, guards: Guards, size: int) -> bool:
        if changes.prefixes or changes.ttls or changes.renews:
            return True
        count = len(changes.puts) + len(changes.deletes)
        if 2 * count > MAX_KEYS or len(guards) > MAX_KEYS or size > MAX_GROUP_BYTES // 2:
            return True
        for key in (*changes.puts, *changes.deletes):
            record = guards.keys[key]
            if record is not None and record.lease:
                return True
        return False

    def _has_room(self, written: set[str], guards: Guards, size: int) -> bool:
        keys = len(written - self.finals.keys())
        # Each key may have two fences of its own.
        if len(self.finals) + len(self.fences) + 3 * keys > MAX_KEYS:
            return False
        if len(self.guards) + len(guards) > MAX_KEYS and (
            len(self.guards.keys.keys() | guards.keys.keys()) + len(self.guards.ranges | guards.ranges)
            > MAX_KEYS
        ):
            return False
        return self._bytes + size <= MAX_GROUP_BYTES

    def _was_deleted(self, key: str, guards: Guards) -> bool:
        """Whether the group has deleted a key that is there below it."""
        return self._draft.covers(key) and self._draft.get(key) is None and guards.keys[key] is not None

    def _keep(self, member: GroupedWrite) -> None:
        for key, before, after in member.made:
            if after is None:
                self._deletes = True
            self.finals[key] = after or Record(key, b"", 0, 0)
            self._note_fences(key, before, after)
        self.members.append(member)

    def _note_fences(self, key: str, before: Record | None, after: Record | None) -> None:
        if is_bare(key):
            return
        was, now = before.terms if before else (), after.terms if after else ()
        if was is not now:
            for term in set(was).symmetric_difference(now):
                self._put_fence(self._fences.of_term(term))
        fence = self._fences.of_key(key)
        if after is None and fence == f"fence/{key}":
            self.fences[fence] = False
        elif fence is not None and not (self.fences.get(fence) is False and before is not None):
            self.fences[fence] = True

    def _put_fence(self, fence: str | None) -> None:
        if fence is not None and is_bare(fence) and self.fences.get(fence) is not False:
            self.fences[fence] = True

    # What goes alone

    def making(self) -> Generator[None, None, None]:
        """Make what the one member of a group wants that goes alone, in steps."""
        (member,) = self.members
        changes = replace(member.changes, prefixes=set())
        member.made = yield from self._draft.committing(changes, draft_rev(1))
        for number, (key, before, after) in enumerate(member.made, start=1):
            self.finals[key] = after or Record(key, b"", 0, 0)
            self._note_fences(key, before, after)
            if number % STEP == 0:
                yield
        for prefix in sorted(member.changes.prefixes):
            self._put_fence(self._fences.of_term(prefix))
            self._put_fence(self._fences.of_key(prefix))
        if member.changes.answer:
            member.answer = self._draft.get(member.changes.answer)

    @property
    def prefixes(self) -> set[str]:
        return self.members[0].changes.prefixes if self.alone else set()

    @property
    def ttls(self) -> dict[str, int]:
        return self.members[0].changes.ttls if self.alone else {}

    @property
    def leases_before(self) -> list[int]:
        """Leases of the keys that it puts anew."""
        if not self.alone:
            return []
        puts = self.members[0].changes.puts
        return [record.lease for key in puts if (record := self.guards.keys.get(key)) and record.lease]

    # What comes of it

    def entry(self, total: int, commits: int) -> RevisionJournal:
        """Its entry in the journal, given how many bytes and commits there were before it."""
        last: dict[str, int] = {}
        for number, member in enumerate(self.members):
            for change in member.made:
                last[change.key] = number
        return RevisionJournal(
            self.id,
            total,
            commits,
            tuple(
                WriteEntry(
                    member.journal,
                    [change.key for change in member.made],
                    {
                        key: None if after is None else after.value.decode()
                        for key, _, after in member.made
                        if last[key] != number
                    },
                )
                for number, member in enumerate(self.members)
            ),
        )

    def answer(self, revision: int, lease: Callable[[str], int]) -> None:
        """Tell its members: etcd has given the revision. `lease` gives the lease that a key was put with."""
        for number, member in enumerate(self.members, start=1):
            record = member.answer
            if record is not None and is_draft(record.rev):
                record = replace(
                    record,
                    rev=made_rev(record.rev, revision),
                    created_rev=made_rev(record.created_rev, revision),
                    lease=lease(record.key),
                )
            member.waiting.tell(Outcome(rev_of(revision, number), member.changes, record, True))

    def refuse(self, error: Exception) -> None:
        """Tell its members that it came to nothing, or that nobody knows."""
        for member in self.members:
            member.waiting.refuse(error)


def _bytes_of(changes: Changes) -> int:
    """What its puts take of a request, about."""
    size = 0
    for key, value in changes.puts.items():
        size += 2 * len(key) + 100 + len(value)
    return size
