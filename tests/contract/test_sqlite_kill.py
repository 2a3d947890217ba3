"""kill -9 of a process that writes, again and again on the same file."""

import asyncio
import random
import sys
from pathlib import Path

from contract_words import index, picture, word_of

from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog

WRITER = """
import asyncio, itertools, os, random, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from contract_words import ORIGIN, puts
from test_sqlite_kill import a_store

async def writer(store, name):
    for n in itertools.count():
        word = f"{{os.getpid()}}-{{name}}-{{n}}"
        outcome = await store.transact(puts(**{{f"a/{{name}}": word, f"b/{{name}}": word}}), ORIGIN)
        os.write(1, f"{{outcome.rev}} {{name}} {{word}}\\n".encode())

async def main():
    store = a_store(Path({path!r}))
    await store.open()
    await asyncio.gather(*(writer(store, name) for name in range(5)))

asyncio.run(main())
"""


def a_store(path: Path) -> EmbeddedStore:
    return EmbeddedStore(SqliteLog(path), index, history=150, memory_revs=20)


async def write_until_killed(path: Path, dice: random.Random) -> list[tuple[int, str, str]]:
    script = WRITER.format(tests=str(Path(__file__).parent), path=str(path))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    first = await child.stdout.readline()
    await asyncio.sleep(dice.uniform(0, 0.15))
    child.kill()
    rest, complaint = await child.communicate()
    lines = (first + rest).decode().splitlines(keepends=True)
    assert lines, complaint.decode()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return [(int(rev), name, word) for rev, name, word in whole]


async def test_kill_9_a_dozen_times(tmp_path):
    path = tmp_path / "s.db"
    dice = random.Random(9)
    before: dict = {}
    for _ in range(12):
        acknowledged = await write_until_killed(path, dice)
        store = a_store(path)
        await store.open()
        assert store.rev >= max(rev for rev, _, _ in acknowledged)
        for rev, name, word in acknowledged:
            if rev >= store.oldest_rev:
                snapshot = await store.at(rev)
                # Both keys of a commit, at its rev: nothing is half done.
                assert word_of(snapshot.get(f"a/{name}")) == word
                assert word_of(snapshot.get(f"b/{name}")) == word
                assert snapshot.get(f"b/{name}").rev == rev
        after = await picture(store)
        await store.close()
        # A rev's commits are those after it, which the last rev did not have yet.
        for rev in sorted(after.keys() & before.keys())[:-1]:
            assert after[rev] == before[rev]
        before = after
