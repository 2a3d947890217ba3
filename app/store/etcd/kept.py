"""How much of the past etcd keeps: found out, and bounded."""

from collections.abc import Callable

from app.store.etcd.archive import EtcdArchive
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Away, Compacted, cannot_ask
from app.store.etcd.follower import Follower
from app.store.etcd.revs import index_of, last_rev_of, rev_of, revision_of


class Kept:
    """`commits` are kept, fewer where they take more bytes than the follower's size allows."""

    def __init__(self, client: EtcdClient, follower: Follower, archive: EtcdArchive, commits: int) -> None:
        self._client = client
        self._follower = follower
        self._archive = archive
        self._commits = commits
        self._compacted = 0
        """etcd's oldest revision, or that at which the registry's history begins."""
        self._oldest = 0
        """The rev of its last commit."""
        self.total_before = self.commits_up_to = 0
        """Bytes of all commits before the oldest rev, and their number with it."""

    @property
    def oldest_rev(self) -> int:
        """What etcd has compacted, but for revs in memory: where it was compacted after our last commit,
        that one is still what there is."""
        history, compacted = self._follower.history, self._compacted
        commit = history.last_commit(last_rev_of(compacted))
        held = commit.rev if commit is not None else history.floor
        return held if history.floor <= held <= last_rev_of(compacted) else self._oldest

    async def learn(self) -> None:
        """Find out what has been compacted, by us or by others."""
        await self._note(max(await self._archive.oldest(self._compacted), self._follower.began))

    async def _note(self, revision: int) -> None:
        if revision <= self._compacted:
            return
        try:
            oldest = await self._archive.last_rev_at(revision)
        except Compacted:
            oldest = rev_of(revision)  # it goes on already; the next look says more
        self._compacted, self._oldest = revision, oldest
        self._follower.history.forget_before(oldest)

    async def compact(self, rev: int) -> None:
        """Drop the history before the rev, where one revision ends."""
        rev = min(rev, self._follower.history.rev)
        revision = revision_of(rev)
        try:
            if index_of(rev) < index_of(await self._archive.last_rev_at(revision)):
                revision -= 1  # the commits of one revision go together
            await self._client.compact(revision)
        except Compacted:
            await self.learn()
        except Away as error:
            raise cannot_ask(error) from error
        await self._note(revision)

    async def drop_surplus(self) -> None:
        """Compact what there is more than there may be."""
        revision = await self._surplus()
        if revision > self._compacted:
            await self.compact(last_rev_of(revision))
            await self._surplus()

    async def _surplus(self) -> int:
        """The revision that history has to begin at, to be no longer and take no more bytes than it may. What
        was before this process followed is found by halves, in the journal's entries."""
        follower, size = self._follower, self._follower.size
        below = max(self._compacted, 1)
        try:
            self.total_before, self.commits_up_to = await self._archive.sums_at(below)
            surplus = follower.count - self._commits
            compacted = self._compacted
            if self.total_before < size.wanted:
                if size.wanted > size.first.total:
                    compacted = revision_of(size.oldest)
                else:
                    compacted = await self._first_with(below, lambda total, _: total >= size.wanted)
            if self.commits_up_to < surplus:
                compacted = max(
                    compacted, await self._first_with(below, lambda _, commits: commits >= surplus)
                )
        except Compacted:
            return self._compacted  # by another, meanwhile
        return compacted

    async def _first_with(self, below: int, enough: Callable[[int, int], bool]) -> int:
        """The first revision above this one whose sums are enough."""
        above = self._follower.watched
        while above - below > 1:
            middle = (below + above) // 2
            if enough(*await self._archive.sums_at(middle)):
                above = middle
            else:
                below = middle
        return above
