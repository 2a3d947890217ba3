"""What the log does not open, each with one line that says what to do; and it changes none of it."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from contract_words import ORIGIN, delete, increment, index, picture, put, puts, write

from app.errors import CoordinatorUnavailable, StartError
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.backup import backup
from app.store.sqlite.log import SqliteLog
from app.store.sqlite.schema import SCHEMA


def a_store(path: Path, memory_revs: int = 5, history: int = 1000) -> EmbeddedStore:
    return EmbeddedStore(SqliteLog(path), index, history=history, memory_revs=memory_revs)


async def make_file(path: Path, commits: int = 20) -> dict:
    store = a_store(path)
    await store.open()
    for n in range(commits):
        await write(store, puts(**{f"a/{n % 7}": f"word {n}", f"b/{n}": "y" * (n * 40)}), increment("a/n"))
        if n % 5 == 0:
            await write(store, delete(f"a/{n % 3}"))
    await store.close()
    # What it was closed with is sorted in at the start.
    store = a_store(path)
    await store.open()
    await write(store, put("a/last", "recent"))
    seen = await picture(store)
    await store.close()
    return seen


async def refusal(path: Path) -> str:
    store = a_store(path)
    with pytest.raises(StartError) as refused:
        await store.open()
    await store.close()
    line = str(refused.value)
    assert "\n" not in line
    return line


def altered(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


def flip(path: Path, place: int, by: int) -> None:
    """Change one byte, as a disk that has gone bad does."""
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ by]))


async def test_a_file_that_is_not_sqlite(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes, a page of them. " * 400)
    before = path.read_bytes()
    assert "not a Visor store" in await refusal(path)
    assert path.read_bytes() == before


async def test_an_empty_file_is_nobodys_to_overwrite(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    assert "not a Visor store" in await refusal(path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("mode", ["delete", "wal"])
async def test_a_sqlite_file_of_another(tmp_path, mode):
    path = tmp_path / "other.db"
    altered(path, f"PRAGMA journal_mode = {mode}", "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    before = path.read_bytes()
    assert "does not carry Visor's mark" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_newer_schema_names_both_numbers(tmp_path):
    path = tmp_path / "s.db"
    await make_file(path, 3)
    altered(path, f"PRAGMA user_version = {SCHEMA + 6}")
    line = await refusal(path)
    assert f"schema {SCHEMA + 6}" in line
    assert f"up to {SCHEMA}" in line
    assert "newer Visor" in line


async def test_a_directory_that_is_not_there(tmp_path):
    assert "does not exist: make it" in await refusal(tmp_path / "none" / "s.db")
    assert not (tmp_path / "none").exists()


async def test_a_directory_in_the_place_of_the_file(tmp_path):
    (tmp_path / "s.db").mkdir()
    assert "is not a file" in await refusal(tmp_path / "s.db")


async def test_a_directory_that_cannot_be_written(tmp_path):
    closed = Path("/proc")  # even root cannot write here
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        closed = tmp_path
    assert "cannot be written" in await refusal(closed / "visor.db")


async def test_a_second_store_in_the_same_process(tmp_path):
    store = a_store(tmp_path / "s.db")
    await store.open()
    (tmp_path / "alias.db").symlink_to(tmp_path / "s.db")
    for name in ("s.db", "alias.db"):
        line = await refusal(tmp_path / name)
        assert f"pid {os.getpid()}" in line
        assert "stop that one" in line
    await write(store, put("a/1", "x"))
    await store.close()
    store = a_store(tmp_path / "s.db")
    await store.open()
    assert store.rev == 1
    await store.close()


HOLDER = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from test_sqlite_refusals import a_store

async def main():
    store = a_store(Path({path!r}))
    await store.open()
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


async def test_a_second_process(tmp_path):
    path = tmp_path / "s.db"
    script = HOLDER.format(tests=str(Path(__file__).parent), path=str(path))
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert await holder.stdout.readline() == b"open\n"
        assert f"pid {holder.pid}" in await refusal(path)
    finally:
        holder.kill()
        await holder.communicate()
    # Its end, however it came, has let go of the lock.
    store = a_store(path)
    await store.open()
    await store.close()


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.97])
async def test_a_truncated_file(tmp_path, share):
    path = tmp_path / "s.db"
    await make_file(path)
    size = path.stat().st_size
    os.truncate(path, int(size * share))
    assert "s.db" in await refusal(path)
    os.truncate(path, size - 4096)
    assert "s.db" in await refusal(path)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM commits WHERE rev = 20", "commits"),
        ("DELETE FROM commits WHERE rev = (SELECT max(rev) FROM commits)", "commits"),
        ("DELETE FROM commits WHERE rev = 20; DELETE FROM versions WHERE rev = 20", "should have all"),
        ("UPDATE commits SET actor = 'another' WHERE rev = 43", "checksum of commit 43"),
        ("DELETE FROM versions WHERE rev = 20", "changes"),
        ("UPDATE versions SET value = CAST('{}' AS BLOB) WHERE rev = 40", "checksum"),
        ("DELETE FROM recent", "changes"),
        ("UPDATE recent SET value = CAST('{}' AS BLOB)", "checksum"),
        ("UPDATE recent SET rev = 20", "recent in it is older"),
        ("DROP TABLE recent", "no such table"),
        ("UPDATE state SET oldest_rev = 3", "checksum"),
        ("DELETE FROM state", "0 state rows"),
        ("PRAGMA user_version = 0", "schema number"),
        ("DROP INDEX versions_by_rev", "versions_by_rev"),
    ],
)
async def test_rows_that_are_gone_or_altered(tmp_path, statement, says):
    path = tmp_path / "s.db"
    await make_file(path)
    altered(path, statement)
    assert says in await refusal(path)


async def make_file_with_a_hidden_row(path: Path) -> None:
    """One row has gone under another rev, by a program that knows the pages' checksums, and the index by
    rev says that it is where it was."""
    await make_file(path)
    connection = apsw.Connection(str(path))
    [entry] = connection.execute("SELECT * FROM sqlite_schema WHERE name = 'versions_by_rev'").fetchall()
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_schema WHERE name = 'versions_by_rev'")
    connection.close()
    altered(path, "UPDATE versions SET rev = 1000 WHERE key = 'b/3'")
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", entry)
    connection.close()


async def test_a_row_that_hides_in_another_place_of_a_file_without_page_checksums(tmp_path, monkeypatch):
    """Its checksum would tell, but a row under another rev is not what a reader at its rev meets."""
    monkeypatch.setattr("app.store.sqlite.page_checksums.reserve", lambda connection: None)
    path = tmp_path / "s.db"
    await make_file_with_a_hidden_row(path)
    assert "SQLite's check says" in await refusal(path)


async def test_a_row_that_hides_from_the_checksums_of_pages_is_never_copied(tmp_path):
    """No disk does that. The start is content with the checksums, and reads each page once; a backup looks
    at every row."""
    path = tmp_path / "s.db"
    await make_file_with_a_hidden_row(path)
    store = a_store(path)
    await store.open()
    await store.close()
    with pytest.raises(StartError, match="SQLite's check says"):
        backup(path, tmp_path / "backup.db")
    assert not (tmp_path / "backup.db").exists()


async def test_every_page_is_read_at_the_start(tmp_path):
    """Whatever page has gone bad: the start says so, and does not wait for somebody to ask for it. (In a page
    that is free there is nothing to go bad.)"""
    sound = tmp_path / "sound.db"
    await make_file(sound)
    altered(sound, "VACUUM")
    size = sound.stat().st_size
    for page in range(0, size, 4096):
        path = tmp_path / "bad.db"
        shutil.copyfile(sound, path)
        flip(path, page + 2048, 1)
        assert "is damaged" in await refusal(path), f"page {page // 4096 + 1}"


async def test_flipped_bytes_are_refused_or_seen_never_believed(tmp_path):
    sound = tmp_path / "sound.db"
    wanted = await make_file(sound)
    dice = random.Random(7)
    size = sound.stat().st_size
    ends = {"refused": 0, "seen": 0, "harmless": 0}
    places = [*range(0, 100, 7), *(dice.randrange(size) for _ in range(100))]
    for place in places:
        path = tmp_path / "flipped.db"
        for old in tmp_path.glob("flipped.db*"):
            old.unlink()
        shutil.copyfile(sound, path)
        flip(path, place, dice.randint(1, 255))
        store = a_store(path, memory_revs=dice.choice([1, 5, 1000]))
        try:
            await store.open()
            assert await picture(store) == wanted, place
            ends["harmless"] += 1
        except StartError:
            ends["refused"] += 1
        except CoordinatorUnavailable:
            ends["seen"] += 1
        finally:
            await store.close()
    assert ends["refused"] + ends["seen"] > len(places) // 4, ends


async def test_a_damaged_file_is_refused_as_it_was_found(tmp_path):
    """What a crash has left in its write-ahead log, too, stays where it is."""
    store = a_store(tmp_path / "s.db")
    await store.open()
    await write(store, *(put(f"a/{n}", "x" * 500) for n in range(50)))
    found = tmp_path / "found"
    found.mkdir()
    for name in ("s.db", "s.db-wal"):
        shutil.copyfile(tmp_path / name, found / name)
    await store.close()
    connection = apsw.Connection(str(found / "s.db"))
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.execute("DELETE FROM recent WHERE rev = 30")
    connection.close()
    names = ("s.db", "s.db-wal")
    before = [(found / name).read_bytes() for name in names]
    assert before[1], "a log is there to be played"
    assert "changes" in await refusal(found / "s.db")
    assert [(found / name).read_bytes() for name in names] == before


async def test_a_store_is_its_owners_only(tmp_path):
    await make_file(tmp_path / "s.db", 1)
    assert (tmp_path / "s.db").stat().st_mode & 0o777 == 0o600


async def test_a_creation_that_was_cut_short_is_begun_again(tmp_path):
    (tmp_path / "s.db.creating").write_bytes(b"half")
    store = a_store(tmp_path / "s.db")
    await store.open()
    await store.transact(put("a/1", "x"), ORIGIN)
    await store.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.db", "s.db.lock"]
