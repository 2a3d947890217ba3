"""Two ways to watch a service's disk: a VFS that SQLite goes through, and strace on its process.

Both give the same story, in the order in which it happened: "write" (something went into the
write-ahead log), "sync" (the log is on the disk), "answer" (a success goes to a client).
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from app.http.given import Given
from app.http.responses import RawHeaders
from app.models import key_terms
from app.settings import Settings
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog
from tests.fault.visor_process import Launcher, Serving
from tests.serving import Service

Story = Callable[[], list[str]]


class _WatchedDisk(apsw.VFS):
    def __init__(self, name: str) -> None:
        self.name = name
        self.story: list[str] = []
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _WatchedFile(self.story, name, flags)


class _WatchedFile(apsw.VFSFile):
    def __init__(self, story: list[str], name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._story = story if path.endswith("-wal") else []
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._story.append("write")

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._story.append("sync")


class _WatchedAnswer(Given):
    """What the server gives with a request; an answer that goes out in one call to the kernel is noted."""

    def __init__(self, given: Given, story: list[str]) -> None:
        super().__init__(given.permit, given.certificate, given.peer)
        self.body = given.body
        self._given, self._story = given, story

    def answer_whole(self, status: int, headers: RawHeaders, body: bytes) -> bool:
        if status in (200, 201):
            self._story.append("answer")
        assert self._given.answer_whole(status, headers, body), "the client keeps up"
        return True


@contextmanager
def watched_by_vfs(path: Path) -> Iterator[tuple[str, Story]]:
    """A service on a store at `path`: its URL, and what happened so far."""
    disk = _WatchedDisk(f"watched-{path}")
    store = EmbeddedStore(SqliteLog(path, vfs=disk.name), key_terms.index, history=1000, memory_revs=1000)
    visor = Service(Settings(store="memory:"), store)
    respond = visor.server.config.app

    async def watched(scope, receive, send, given=None):  # type: ignore[no-untyped-def]
        async def telling(message):  # type: ignore[no-untyped-def]
            if message["type"] == "http.response.start" and message["status"] in (200, 201):
                disk.story.append("answer")
            await send(message)

        await respond(scope, receive, telling, given and _WatchedAnswer(given, disk.story))

    visor.server.config.loaded_app = watched
    try:
        yield visor.url, lambda: list(disk.story)
    finally:
        visor.stop()
        disk.unregister()


STRACE = shutil.which("strace")


@contextmanager
def watched_by_strace(launcher: Launcher, path: Path) -> Iterator[tuple[str, Story]]:
    """The same of a `visor serve` in a process of its own, by the calls it makes to the kernel."""
    assert STRACE is not None
    visor = Serving(launcher, path)
    visor.start()
    trace = path.with_name("trace")
    calls = "trace=fsync,fdatasync,pwrite64,pwritev,write,writev,sendto,sendmsg"
    watching = subprocess.Popen(
        [STRACE, "-f", "-y", "-s", "16", "-e", calls, "-o", str(trace), "-p", str(visor.pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stderr is not None
        while "attached" not in (line := watching.stderr.readline()):
            assert line, "strace did not attach"
        yield visor.url, lambda: _story(trace)
    finally:
        watching.terminate()
        watching.communicate(timeout=60)
        visor.close()


def _story(trace: Path) -> list[str]:
    """What a trace tells. A sync counts when it has returned, an answer when it is begun."""
    end = time.monotonic() + 60
    while not trace.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    told = []
    open_syncs: set[str] = set()
    for line in trace.read_text().splitlines():
        pid, _, rest = line.partition(" ")
        call = rest.strip()
        if call.startswith(("pwrite64(", "pwritev(")) and "-wal>" in call:
            told.append("write")
        elif call.startswith(("fdatasync(", "fsync(")) and "-wal>" in call:
            if call.endswith("unfinished ...>"):
                open_syncs.add(pid)
            else:
                assert call.endswith("= 0"), call
                told.append("sync")
        elif "sync resumed>" in call and pid in open_syncs:
            open_syncs.discard(pid)
            assert call.endswith("= 0"), call
            told.append("sync")
        elif '"HTTP/1.1 20' in call:
            told.append("answer")
    return told
