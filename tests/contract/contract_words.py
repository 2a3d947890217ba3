"""What the contract suite keeps in a store: words under keys, found by prefix and by first letter."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.store.contract import UNREADABLE, Changes, Outcome, Rule, Snapshot, Store
from app.store.records import Commit, Origin, Record
from app.store.snapshots import scan

GARBAGE = b"no word"

ORIGIN = Origin("tester", "TEST /words")


def value_of(word: str) -> bytes:
    return json.dumps({"word": word}).encode()


def word_of(record: Record | None) -> str | None:
    return None if record is None else json.loads(record.value)["word"]


def index(key: str, value: bytes) -> tuple[str, ...]:
    """Every prefix of the key that ends in a slash, and the first letter below the first of them. What is no
    word cannot be read."""
    if value == GARBAGE:
        return (UNREADABLE,)
    prefixes = tuple(key[: at + 1] for at, character in enumerate(key) if character == "/")
    if not prefixes:
        return ()
    letter = json.loads(value)["word"][:1]
    return (*prefixes, f"{prefixes[0]}?letter={letter}") if letter else prefixes


def put(key: str, word: str, **more: Any) -> Rule:
    return lambda snapshot, at: Changes(puts={key: value_of(word)}, answer=key, **more)


def puts(**words: str) -> Rule:
    return lambda snapshot, at: Changes(puts={key: value_of(word) for key, word in words.items()})


def delete(*keys: str, prefixes: Iterable[str] = ()) -> Rule:
    return lambda snapshot, at: Changes(deletes=set(keys), prefixes=set(prefixes))


def increment(key: str) -> Rule:
    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        before = snapshot.get(key)
        return Changes(puts={key: value_of(str(int(word_of(before) or 0) + 1))}, answer=key)

    return rule


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Return when the condition holds; fail where it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


async def write(store: Store, *rules: Rule) -> list[Outcome]:
    return [await store.transact(rule, ORIGIN) for rule in rules]


def plain(record: Record | None) -> tuple[Any, ...] | None:
    """A record as data that can be compared: what a reader may rely on."""
    if record is None:
        return None
    return (record.key, record.value, record.created_rev, record.rev, record.ttl, record.terms)


def plain_commit(commit: Commit) -> tuple[Any, ...]:
    changes = tuple((c.key, plain(c.before), plain(c.after)) for c in commit.changes)
    return (commit.rev, commit.journal, changes)


async def picture(store: Store, terms: Iterable[str] = ("a/", "b/", "?")) -> dict[int, Any]:
    """All that can be read of a store at all kept revs, with its commits."""
    shown: dict[int, Any] = {}
    for rev in range(store.oldest_rev, store.rev + 1):
        snapshot = await store.at(rev)
        shown[rev] = (
            [[plain(r) for r in scan(snapshot, term)] for term in terms],
            [plain_commit(c) for c in await store.commits(rev, 1)],
            await store.journal_at(rev),
        )
    return shown


@dataclass
class Transaction:
    """One random write: what it puts, deletes and deletes below a prefix."""

    puts: dict[str, str] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)

    def rule(self) -> Callable[[Snapshot, datetime], Changes]:
        return lambda snapshot, at: Changes(
            puts={key: value_of(word) for key, word in self.puts.items()},
            deletes=set(self.deletes),
            prefixes=set(self.prefixes),
        )


Row = tuple[bytes, int, int]


class PlainModel:
    """The contract said with dictionaries: the state at each rev, whole."""

    def __init__(self) -> None:
        self.states: list[dict[str, Row]] = [{}]

    @property
    def rev(self) -> int:
        return len(self.states) - 1

    def apply(self, write: Transaction) -> None:
        if not (write.puts or write.deletes or write.prefixes):
            return
        before, rev = self.states[-1], self.rev + 1
        after = {
            key: row
            for key, row in before.items()
            if key not in write.deletes and not any(key.startswith(p) for p in write.prefixes)
        }
        for key, word in write.puts.items():
            created = before[key][1] if key in before else rev
            after[key] = (value_of(word), created, rev)
        self.states.append(after)

    def scan(self, rev: int, term: str) -> list[tuple[str, bytes, int, int]]:
        return [(key, *row) for key, row in sorted(self.states[rev].items()) if term in index(key, row[0])]

    def changes(self, rev: int) -> list[tuple[str, Row | None, Row | None]]:
        before, after = self.states[rev - 1], self.states[rev]
        return [
            (key, before.get(key), after.get(key))
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        ]
