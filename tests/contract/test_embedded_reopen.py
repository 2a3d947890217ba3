"""A log that fails: what the embedded store asks of it meanwhile, and what it tells its callers."""

import asyncio
import threading
import time

import pytest
from contract_words import ORIGIN, index, put, until, write

from app.errors import CoordinatorUnavailable, StartError
from app.store.embedded.log import Identity, Loaded, LogBroken, LogMoved
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.records import Commit


class FragileLog(NoLog):
    """Keeps commits in a list. Told to, it fails: before keeping a group or after, or in opening."""

    def __init__(self) -> None:
        self.kept: list[Commit] = []
        self.calls: list[str] = []
        self.fail_before = self.fail_after = self.fail_open = 0
        self.failure: Exception = LogBroken("the disk is gone")
        self.id = "mine"
        self.moved = False

    def check(self) -> None:
        if self.moved:
            raise LogMoved("it was removed")

    def look(self, rev) -> Identity:
        if self.moved:
            raise LogMoved("it was removed")
        found = [commit.journal for commit in self.kept if commit.rev == rev]
        return Identity(self.id, len(self.kept), found[0] if found else None)

    def open(self, index, window, *, create=True) -> Loaded:
        self.calls.append("open")
        time.sleep(0.02)
        if self.fail_open:
            self.fail_open -= 1
            raise StartError("it is still gone")
        rev = len(self.kept)
        last = self.kept[-1].journal if self.kept else None
        return Loaded(self.id, rev=rev, oldest_rev=0, floor=0, records=(), commits=list(self.kept), last=last)

    def append(self, commits, oldest_rev, marks=()) -> None:
        self.calls.append("append")
        if self.fail_before:
            self.fail_before -= 1
            raise self.failure
        self.kept += commits
        if self.fail_after:
            self.fail_after -= 1
            raise self.failure

    def close(self) -> None:
        self.calls.append("close")
        time.sleep(0.02)


@pytest.fixture
def log():
    return FragileLog()


@pytest.fixture
async def store(log, monkeypatch):
    monkeypatch.setattr("app.store.embedded.recovery.REOPEN_SECONDS", 0.02)
    store = EmbeddedStore(log, index, history=1000, memory_revs=1000)
    await store.open()
    yield store
    await store.close()


@pytest.mark.parametrize("failure", [LogBroken("broken"), RuntimeError("what nobody foresaw")])
async def test_a_group_that_was_kept_is_answered_as_done(log, store, failure):
    await write(store, put("a/0", "x"))
    log.fail_after, log.failure = 1, failure
    ends = await asyncio.gather(*(store.transact(put(f"a/{n}", "x"), ORIGIN) for n in range(1, 4)))
    assert [end.rev for end in ends] == [2, 3, 4]
    assert (await store.latest()).count("a/") == 4
    assert store.health().ready


@pytest.mark.parametrize("failure", [LogBroken("broken"), RuntimeError("what nobody foresaw")])
async def test_a_group_that_was_not_kept_is_answered_as_not_done(log, store, failure):
    await write(store, put("a/0", "x"))
    log.fail_before, log.failure = 1, failure
    with pytest.raises(CoordinatorUnavailable, match="Nothing was changed") as refused:
        await store.transact(put("a/1", "x"), ORIGIN)
    assert "outcome" not in refused.value.members
    assert (await store.latest()).get("a/1") is None
    [outcome] = await write(store, put("a/1", "x"))
    assert outcome.rev == 2


async def test_what_another_wrote_meanwhile_is_not_taken_for_ours(log, store):
    await write(store, put("a/0", "x"))
    [mine] = await store.commits(0, 1)

    def open_with_another(index, window, *, create):
        log.kept.append(Commit(2, mine.journal, ()))
        return FragileLog.open(log, index, window, create=create)

    log.fail_before = 1
    log.open = open_with_another
    with pytest.raises(CoordinatorUnavailable) as refused:
        await store.transact(put("a/1", "x"), ORIGIN)
    assert refused.value.members == {"outcome": "unknown"}


async def test_while_it_does_not_open_nothing_is_accepted(log, store):
    log.fail_before, log.fail_open = 1, 5
    first = asyncio.create_task(store.transact(put("a/1", "x"), ORIGIN))
    await until(lambda: not store.health().ready)
    with pytest.raises(CoordinatorUnavailable, match="Nothing was written"):
        await store.transact(put("a/2", "x"), ORIGIN)
    with pytest.raises(CoordinatorUnavailable, match="Nothing was changed"):
        await first
    assert store.health().ready


async def test_nothing_is_appended_to_a_log_that_is_being_opened_again(log, store):
    await write(store, *(put(f"a/{n}", "x") for n in range(5)))
    log.calls.clear()
    log.fail_before = 1
    writing = asyncio.create_task(store.transact(put("a/5", "x"), ORIGIN))
    await until(lambda: "close" in log.calls)
    compacting = [asyncio.create_task(store.compact(n)) for n in (2, 3)]
    await asyncio.gather(writing, *compacting, return_exceptions=True)
    assert log.calls == ["append", "close", "open", "append", "append"]
    assert store.oldest_rev == 3


async def _becomes_lost(log, store, change) -> None:
    """Reopened while its log is another one: nothing is served that does not continue what was."""
    await write(store, put("a/0", "x"), put("a/1", "x"))
    kept, id = list(log.kept), log.id
    broken = []
    store.when_broken(lambda: broken.append(store.rev))
    log.fail_before = 1
    change()
    with pytest.raises(CoordinatorUnavailable) as refused:
        await store.transact(put("a/2", "x"), ORIGIN)
    assert refused.value.members == {"outcome": "unknown"}
    for ask in (
        store.latest(),
        store.commits(0, 1),
        store.compact(1),
        store.transact(put("a/2", "x"), ORIGIN),
    ):
        with pytest.raises(CoordinatorUnavailable, match="not the one that was being served"):
            await ask
    assert broken == [2]
    assert "not the one that was being served" in store.health().reason
    assert (await store.at(1)).count("a/") == 1
    assert store.stale().count("a/") == 2
    log.kept, log.id, log.moved = kept, id, False
    await until(lambda: store.health().ready)
    [outcome] = await write(store, put("a/2", "x"))
    assert outcome.rev == 3
    assert (await store.latest()).count("a/") == 3


async def test_what_is_not_there_any_more_is_not_made_anew(log, store):
    await _becomes_lost(log, store, lambda: setattr(log, "moved", True))


async def test_a_write_that_waits_for_a_look_at_the_place_is_told_what_that_finds(log, store, monkeypatch):
    """Nobody waits until the right file is back."""
    await write(store, put("a/0", "x"))
    looking, looked = threading.Event(), threading.Event()

    def check() -> None:
        looking.set()
        looked.wait(30)
        raise LogMoved("it was removed")

    log.moved = True
    with monkeypatch.context() as slow:
        slow.setattr(log, "check", check)
        await until(looking.is_set)
        writing = asyncio.create_task(store.transact(put("a/1", "x"), ORIGIN))
        for _ in range(10):
            await asyncio.sleep(0)  # the writer has seen it
        looked.set()
        with pytest.raises(CoordinatorUnavailable, match="nothing was written"):
            async with asyncio.timeout(30):
                await writing
    log.moved = False
    await until(lambda: store.health().ready)
    [outcome] = await write(store, put("a/1", "x"))
    assert outcome.rev == 2


async def test_another_store_is_not_served(log, store):
    await _becomes_lost(log, store, lambda: setattr(log, "id", "another"))


async def test_an_older_copy_is_not_served(log, store):
    await _becomes_lost(log, store, lambda: log.kept.pop())


async def test_one_that_went_another_way_is_not_served(log, store):
    def change() -> None:
        first, second = log.kept
        other = second.journal._replace(request="another")
        log.kept = [first, Commit(2, other, second.changes), Commit(3, other, ())]

    await _becomes_lost(log, store, change)


async def test_each_state_is_logged_when_it_begins_and_when_it_ends(log, store, caplog):
    log.fail_before, log.fail_open = 1, 5
    with pytest.raises(CoordinatorUnavailable):
        await store.transact(put("a/1", "x"), ORIGIN)
    said = [line for line in caplog.messages if "being opened again" in line]
    assert [line.partition(":")[0].partition(",")[0] for line in said] == ["not ready", "ready again"]


async def test_a_writer_that_fails_tells_its_callers_and_goes_on(store, monkeypatch):
    """In a way that nobody foresaw, outside of the rules and of the log."""
    with monkeypatch.context() as broken:
        broken.setattr("app.store.embedded.held.Held.with_more", lambda self, commits: 1 / 0)
        with pytest.raises(CoordinatorUnavailable) as refused:
            await store.transact(put("a/1", "x"), ORIGIN)
    assert refused.value.members == {"outcome": "unknown"}
    [outcome] = await write(store, put("a/2", "x"))
    assert outcome.rev == 1
