"""The history commit by commit: who changed which objects, found by filters, newest or oldest first."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.errors import RevCompacted
from app.events.chronicle import Chronicle
from app.events.commit_changes import Seen, Sees, changes_of, object_of
from app.events.event import events_in_turns, to_json
from app.events.filters import Filter
from app.events.turns import Turns
from app.models.base import rfc3339
from app.models.commit import SHOWN, UPKEEP, asked_kind
from app.models.paths import Subtree
from app.store.contract import Store
from app.store.records import Commit

EXAMINED = 50_000
"""Commits that one call looks at."""

_READ = 256
"""Commits that are read at a time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which commits are asked for. `subtree` None: whatever they changed; `sees` None: whatever may be seen;
    `events`: those with an event that fits; `everything`: the service's own upkeep too, and what changed no
    object."""

    subtree: Subtree | None = None
    sees: Sees | None = None
    actors: frozenset[str] = frozenset()
    events: Filter | None = None
    everything: bool = False

    def by_journal(self, commit: Commit) -> bool:
        """Whether who made it, and for what, does not speak against it."""
        journal = commit.journal
        if self.actors and self.actors.isdisjoint({journal.actor, journal.on_behalf_of}):
            return False
        return self.everything or asked_kind(journal.actor, journal.request) != UPKEEP


@dataclass(frozen=True, slots=True)
class FoundCommits:
    """`items` are JSON; `last` is the rev of the commit that was looked at last, None where all were."""

    items: list[bytes]
    last: int | None


async def read_page(
    store: Store,
    chronicle: Chronicle,
    turns: Turns,
    wanted: Wanted,
    span: range,
    newest_first: bool,
    limit: int,
    size: int,
) -> FoundCommits:
    """Up to `limit` commits whose revs are in the span, in `size` bytes, but at least one; of at most
    `EXAMINED` that are looked at. Raises RevCompacted."""
    items: list[bytes] = []
    examined = 0
    reading = _backwards(store, chronicle, span) if newest_first else _forwards(store, span)
    last = None
    async for commit in reading:
        if examined == EXAMINED:
            return FoundCommits(items, last)
        examined += 1
        item = await _summary(commit, wanted, turns)
        if item is not None:
            size -= len(item) + 1
            if len(items) == limit or (items and size < 0):
                return FoundCommits(items, last)
            items.append(item)
        last = commit.rev
        if turns.over:
            await turns.give_way()
    return FoundCommits(items, None)


async def _forwards(store: Store, span: range) -> AsyncIterator[Commit]:
    after = span.start - 1
    while after < span.stop - 1:
        commits = await store.commits(after, _READ)
        if not commits:
            return
        for commit in commits:
            if commit.rev not in span:
                return
            yield commit
        after = commits[-1].rev


async def _backwards(store: Store, chronicle: Chronicle, span: range) -> AsyncIterator[Commit]:
    upto = span.stop - 1
    while upto >= span.start:
        after = max(await chronicle.back(upto, _READ), span.start - 1)
        newest_first: list[Commit] = []
        at = after
        while at < upto:
            commits = await store.commits(at, _READ)
            if not commits:
                break
            newest_first += (commit for commit in commits if commit.rev <= upto)
            at = commits[-1].rev
        for commit in reversed(newest_first):
            yield commit
        upto = after


async def _summary(commit: Commit, wanted: Wanted, turns: Turns) -> bytes | None:
    """The commit as an item of a list; None where it is not wanted."""
    if not wanted.by_journal(commit):
        return None
    changes = [*changes_of(commit, wanted.sees, wanted.subtree)]
    if not changes and (wanted.subtree is not None or wanted.sees is not None or not wanted.everything):
        return None
    if wanted.events is not None:
        events = await events_in_turns(commit, turns)
        if not any(wanted.events.fits(event.type, event.subjects) for event in events):
            return None
    return to_json(
        {
            **head_of(commit),
            "changes": [change.as_json() for change in changes[:SHOWN]],
            "total": len(changes),
        }
    )


def head_of(commit: Commit) -> dict[str, Any]:
    """Who, when, by which request and why."""
    return {"rev": commit.rev, **commit.journal._asdict(), "at": rfc3339(commit.journal.at)}


class Neighbours(NamedTuple):
    """The commit at a rev, None where there is none, and the revs of the commits before and after."""

    commit: Commit | None
    before: int | None
    after: int | None


async def look_up(store: Store, chronicle: Chronicle, rev: int) -> Neighbours:
    """Raises RevCompacted, RevInFuture."""
    await store.at(rev)
    oldest = store.oldest_rev
    if 0 < rev <= oldest:
        raise RevCompacted(
            f"What the commit at rev {rev} has changed is dropped: those after rev {oldest} are kept.",
            oldest_rev=oldest,
        )
    before, at = None, await chronicle.back(rev - 1, 1)
    while True:
        commits = await store.commits(at, _READ)
        for commit in commits:
            if commit.rev == rev:
                return Neighbours(commit, before, None)
            if commit.rev > rev:
                return Neighbours(None, before, commit.rev)
            before = at = commit.rev
        if not commits:
            return Neighbours(None, before, None)


async def detail(
    commit: Commit, changes: Sequence[Seen], after: int, size: int, turns: Turns
) -> tuple[bytes, int | None]:
    """The commit with these changes before and after, those after the so-manieth: in `size` bytes, but at
    least one; and up to which they are, where there are more."""
    parts: list[bytes] = []
    for number, change in enumerate(changes[after:], start=after):
        head = to_json(change.as_json())[:-1]
        before, now = (
            object_of(change.kind, change.change.before),
            object_of(change.kind, change.change.after),
        )
        size -= len(head) + len(before) + len(now) + 32
        if parts and size < 0:
            return _detail(commit, parts, len(changes)), number
        parts.append(b'%b,"before":%b,"after":%b}' % (head, before, now))
        if turns.over:
            await turns.give_way()
    return _detail(commit, parts, len(changes)), None


def _detail(commit: Commit, changes: list[bytes], total: int) -> bytes:
    """All but the closing brace."""
    return to_json(head_of(commit))[:-1] + b',"changes":[%b],"total":%d' % (b",".join(changes), total)
