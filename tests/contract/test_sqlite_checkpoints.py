"""Bringing the write-ahead log into the file: in small pieces, and not while a commit is waited for."""

from datetime import UTC, datetime

from contract_words import ORIGIN, index, put, until

from app.store.embedded.group import make_commit
from app.store.embedded.store import EmbeddedStore
from app.store.history import History
from app.store.overlay import Draft
from app.store.records import Journal
from app.store.sqlite.file import connect_reader
from app.store.sqlite.log import CHECKPOINT_PAGES, SqliteLog
from app.store.sqlite.versions import RECENT_PAGES
from app.store.window import Window

PAGE = 4096
FRAME = PAGE + 24


class Appending:
    """A log, and the history that its commits follow from."""

    def __init__(self, disk, path) -> None:
        self.log = SqliteLog(path, vfs=disk.name)
        self.log.open(index, Window(0))
        self.history = History(index, Window(0))

    def append(self, count: int, *, tidy: bool) -> None:
        """So many commits, each a group of its own that takes some pages."""
        for _ in range(count):
            draft = Draft(self.history)
            changes = put(f"a/{self.history.rev}", "x" * 3000)(draft, datetime.now(UTC))
            commit = make_commit(draft, changes, Journal(datetime.now(UTC), "tester", "TEST"))
            self.log.append([commit], 0)
            self.history.apply(commit)
            if tidy and self.log.untidy:
                self.log.tidy()

    def tidy(self) -> None:
        """All there is to do, which is some."""
        assert self.log.untidy
        while self.log.untidy:
            self.log.tidy()


def test_no_commit_waits_for_a_checkpoint(disk, tmp_path):
    """However much there is in the write-ahead log, a commit syncs that and nothing else."""
    writing = Appending(disk, tmp_path / "s.db")
    before = disk.synced("s.db")
    writing.append(600, tidy=False)
    assert (tmp_path / "s.db-wal").stat().st_size > 1000 * FRAME, "SQLite itself would have made one by now"
    assert disk.synced("s.db") == before
    assert writing.log.untidy
    writing.tidy()
    assert disk.synced("s.db") == before + 1
    writing.log.close()


def test_the_write_ahead_log_stays_small(disk, tmp_path):
    writing = Appending(disk, tmp_path / "s.db")
    writing.append(600, tidy=True)
    assert (tmp_path / "s.db-wal").stat().st_size < (CHECKPOINT_PAGES + RECENT_PAGES + 50) * FRAME
    writing.log.close()


def test_a_reader_that_stays_does_not_have_every_write_checkpoint(disk, tmp_path):
    writing = Appending(disk, tmp_path / "s.db")
    writing.append(10, tidy=True)
    reader = connect_reader(tmp_path / "s.db", disk.name)
    reader.execute("BEGIN; SELECT * FROM state").fetchall()
    before = disk.synced("s.db")
    writing.append(600, tidy=True)
    pages = (tmp_path / "s.db-wal").stat().st_size // FRAME
    assert pages > 1000, "the reader keeps the log from being begun anew"
    assert disk.synced("s.db") - before <= pages // CHECKPOINT_PAGES + 1
    reader.close()
    # Then it is begun anew, and no longer grows.
    writing.append(600, tidy=True)
    after = (tmp_path / "s.db-wal").stat().st_size // FRAME
    assert after <= pages + CHECKPOINT_PAGES + 50
    writing.log.close()


async def test_the_store_has_its_log_tidied(disk, tmp_path):
    store = EmbeddedStore(SqliteLog(tmp_path / "s.db", vfs=disk.name), index, history=10**6, memory_revs=5)
    await store.open()
    before = disk.synced("s.db")
    for number in range(300):
        await store.transact(put(f"a/{number}", "x" * 3000), ORIGIN)
    await until(lambda: disk.synced("s.db") > before)
    await store.close()


async def test_a_checkpoint_that_fails_fails_no_write(disk, tmp_path):
    """What was acknowledged is in the write-ahead log, and is read from there after a crash."""
    writing = Appending(disk, tmp_path / "s.db")
    writing.append(600, tidy=False)
    writing.log.tidy()  # sorts in first
    disk.failing_syncs = 1
    writing.log.tidy()
    assert not disk.failing_syncs, "the checkpoint was what failed"
    writing.append(400, tidy=True)
    found = tmp_path / "found"
    found.mkdir()
    disk.cut(found)
    writing.log.close()
    again = EmbeddedStore(SqliteLog(found / "s.db"), index, history=10**6, memory_revs=5)
    await again.open()
    assert again.rev == 1000
    assert (await again.latest()).count("a/") == 1000
    await again.close()
