"""A disk that hangs: an fdatasync that does not return for a while, and no error from anybody.

Seen by a VFS that SQLite goes through, which can be held in its sync, and by strace, which delays the call of
the kernel itself. Nobody waits for ever: who was being written is told that nobody knows, who was not is told
that nothing was written, `readyz` and the log say it when it begins and when it ends, and reads go on.
"""

import logging
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import httpx2
import pytest

from app.errors import StartError
from app.models import key_terms
from app.settings import Settings
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog
from app.store.window import Window
from tests.etcd.cluster import until
from tests.fault.conftest import Serve
from tests.serving import APP, Service

HANG = "has not come to the disk"


class _Disk(apsw.VFS):
    """One whose syncs of the write-ahead log wait while it `hangs`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.goes = threading.Event()
        self.goes.set()
        self.held = threading.Event()
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)

    def hang(self) -> None:
        self.held.clear()
        self.goes.clear()


class _File(apsw.VFSFile):
    def __init__(self, disk: _Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._disk = disk if path.endswith("-wal") else None
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:
        if self._disk is not None and not self._disk.goes.is_set():
            self._disk.held.set()
            assert self._disk.goes.wait(60)
        super().xSync(flags)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[tuple[Service, _Disk]]:
    disk = _Disk(f"hanging-{tmp_path}")
    log = SqliteLog(tmp_path / "visor.db", vfs=disk.name)
    store = EmbeddedStore(log, key_terms.index, history=1000, memory_revs=1000, commit_timeout=0.5)
    visor = Service(Settings(store="memory:"), store)
    try:
        yield visor, disk
    finally:
        disk.goes.set()
        visor.stop()
        disk.unregister()


def test_a_disk_that_hangs_keeps_nobody_waiting(
    hanging: tuple[Service, _Disk], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    visor, disk = hanging
    visor.made("/apps", APP)
    rev = visor.rev
    disk.hang()

    def write(number: int) -> httpx2.Response:
        return httpx2.put(f"{visor.url}/apps/cat/env/a{number}", json={"value": "1"}, timeout=60)

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(write, 0)
        assert disk.held.wait(30)
        later = [pool.submit(write, number) for number in range(1, 9)]
        answer = first.result()
        assert (answer.status_code, answer.json().get("outcome")) == (503, "unknown"), answer.text
        for refused in (one.result() for one in later):
            assert (refused.status_code, refused.json().get("outcome")) == (503, None), refused.text
            assert "Nothing was written" in refused.json()["detail"]
    ready = visor.get("/readyz")
    assert (ready.status_code, HANG in ready.json()["detail"]) == (503, True)
    refused = write(9)
    assert (refused.status_code, refused.json().get("outcome")) == (503, None), "at once, while it lasts"
    assert visor.get("/apps/cat").json()["env"] == {}, "reads go on"
    assert len([one for one in caplog.messages if "not ready" in one and HANG in one]) == 1
    disk.goes.set()
    until(lambda: visor.get("/readyz").status_code == 200, "it goes on")
    # What nobody knew of has happened, and is one commit; what was refused has not.
    assert visor.get("/apps/cat").json()["env"] == {"a0": "1"}
    assert visor.rev == rev + 1
    assert write(9).status_code == 200
    assert len([one for one in caplog.messages if "ready again" in one and HANG in one]) == 1


def test_a_service_ends_though_its_disk_hangs(tmp_path: Path) -> None:
    disk = _Disk(f"ending-{tmp_path}")
    log = SqliteLog(tmp_path / "visor.db", vfs=disk.name)
    store = EmbeddedStore(log, key_terms.index, history=1000, memory_revs=1000, commit_timeout=0.2)
    visor = Service(Settings(store="memory:"), store)
    disk.hang()
    try:
        assert visor.post("/apps", APP).json()["outcome"] == "unknown"
        visor.stop()
    finally:
        disk.goes.set()
    again = SqliteLog(tmp_path / "visor.db")
    until(lambda: _opens(again), "the lock is free when the disk has answered")


def _opens(log: SqliteLog) -> bool:
    try:
        loaded = log.open(key_terms.index, Window(10))
    except StartError:
        return False
    log.close()
    return loaded.rev == 1


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
def test_a_sync_that_the_kernel_delays(serve: Serve, tmp_path: Path) -> None:
    visor = serve(commit_timeout=0.5)
    visor.made("/apps", APP)
    delaying = subprocess.Popen(
        [
            *("strace", "-f", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=3000000:when=1"),
            *("-p", str(visor.pid), "-o", str(tmp_path / "trace")),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert delaying.stderr is not None
        while "attached" not in (line := delaying.stderr.readline()):
            assert line, "strace did not attach"
        answer = visor.client.put("/apps/cat/env/a", json={"value": "1"})
        assert (answer.status_code, answer.json().get("outcome")) == (503, "unknown"), answer.text
        assert visor.get("/readyz").status_code == 503
        assert visor.get("/apps/cat").json()["env"] == {}
        until(lambda: visor.get("/readyz").status_code == 200, "it goes on")
        assert visor.get("/apps/cat").json()["env"] == {"a": "1"}
        assert visor.said.count(HANG) == 2, "when it begins and when it ends"
    finally:
        delaying.terminate()
        delaying.communicate(timeout=60)
