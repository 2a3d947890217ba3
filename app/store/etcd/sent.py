"""A group of this process that is on its way to etcd: what its commits are, once etcd has given the revision.

What was sent need not be read back. The watch, the archive and every other replica make the same of the same
transaction; here its changes are known, and only lack their revs.
"""

import asyncio

from app.store.etcd.commits import Before
from app.store.etcd.group import TransactionGroup
from app.store.etcd.layout import RevisionJournal
from app.store.etcd.revs import made_rev, rev_of
from app.store.etcd.transaction import Transaction
from app.store.history import History
from app.store.records import Change, Commit, Record, sorted_changes


class Sent:
    """`history` is the one that the group was run on. `seen` gets the revision, once it has come here."""

    def __init__(self, group: TransactionGroup, made: Transaction, history: History) -> None:
        self.seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.journal = made.journal
        """The value of its journal entry: no other has the same."""
        self.entry: RevisionJournal = made.entry
        self._group = group
        self._history = history

    def known_in(self, history: History) -> bool:
        """Whether its commits follow from this history without being read: one that goes alone may have
        deleted keys without looking at them, or put some that live by a lease."""
        return history is self._history and not self._group.alone

    def commits(self, revision: int, before: Before) -> list[Commit]:
        """Its commits, in order. `before` gives what is there below them. To be asked for once."""
        members = self._group.members
        fences = self._fences(revision, before)
        commits = []
        for place, member in enumerate(members, start=1):
            rev = rev_of(revision, place)
            for _, _, after in member.made:
                if after is not None:
                    after.rev = rev
                    after.created_rev = made_rev(after.created_rev, revision)
            made = [*member.made, *fences] if place == len(members) else member.made
            commits.append(Commit(rev, member.journal, sorted_changes(made)))
        return commits

    def _fences(self, revision: int, before: Before) -> list[Change]:
        """What becomes of the fences, which go with the last commit. Others may have put them since."""
        changes = []
        last = rev_of(revision, len(self._group.members))
        for fence, stays in self._group.fences.items():
            was = before(fence)
            if stays:
                created = rev_of(revision, 1) if was is None else was.created_rev
                changes.append(Change(fence, was, Record(fence, b"1", created, last)))
            elif was is not None:
                changes.append(Change(fence, was, None))
        return changes
