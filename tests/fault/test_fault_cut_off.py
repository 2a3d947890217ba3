"""A store that hangs when the service is told to end: whoever waits is answered in time, and told the truth,
that the write may have happened; the process ends."""

import json
import logging
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import apsw
import pytest

from app.models import key_terms
from app.settings import Settings
from app.store.embedded.store import EmbeddedStore
from app.store.sqlite.log import SqliteLog
from tests.etcd.cluster import Cluster, until
from tests.etcd.replicas import replicas
from tests.fault.visor_process import Launcher, Serving, lives
from tests.fault.watched_disk import STRACE
from tests.http.held import asked, heard, put
from tests.serving import RAW_HOSTS, Service, serving


class _HangingDisk(apsw.VFS):
    """Its syncs do not return while `hangs`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.returns = threading.Event()
        self.returns.set()
        self.hanging = threading.Event()
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _HangingFile(self, name, flags)


class _HangingFile(apsw.VFSFile):
    def __init__(self, disk: _HangingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xSync(self, flags: int) -> None:
        if not self._disk.returns.is_set():
            self._disk.hanging.set()
            self._disk.returns.wait()
        super().xSync(flags)


@contextmanager
def _hanging(path: Path, shutdown_timeout: int) -> Iterator[tuple[Service, _HangingDisk]]:
    disk = _HangingDisk(f"hanging-{path}")
    store = EmbeddedStore(SqliteLog(path, vfs=disk.name), key_terms.index, history=1000, memory_revs=1000)
    visor = Service(
        Settings(store="memory:", allowed_hosts=RAW_HOSTS, shutdown_timeout=shutdown_timeout), store
    )
    try:
        yield visor, disk
    finally:
        disk.returns.set()
        visor.stop()


def _told(answer: bytes) -> dict[str, object]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503"), answer
    assert b"content-type: application/problem+json" in head
    assert b"retry-after: 1" in head
    assert b"visor-rev: " in head
    said: dict[str, object] = json.loads(body)
    assert said["code"] == "coordinator-unavailable"
    return said


def test_writes_in_flight_on_a_disk_that_hangs_are_told_that_nobody_knows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """20 of 20, of every kind of write; a stream beside them ends whole."""
    with _hanging(tmp_path / "visor.db", 2) as (visor, disk), ExitStack() as open_:
        visor.runnable()
        caplog.clear()
        disk.returns.clear()
        calls = [put(n) for n in range(17)]
        for line, body in (
            (b"POST /services", b'{"name":"s"}'),
            (b"DELETE /apps/cat/env/none", b""),
            (b"PATCH /apps/cat/env", b'{"a":"1"}'),
        ):
            more = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
            calls.append(line + b" HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n" + body)
        stream = open_.enter_context(asked(visor, b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n"))
        waiting = [open_.enter_context(asked(visor, call)) for call in calls]
        assert disk.hanging.wait(30)
        until(lambda: visor.context.capacity.requests == len(calls), "all are being worked on")
        visor.server.should_exit = True
        for one in waiting:
            assert _told(heard(one))["outcome"] == "unknown"
            assert one.recv(1) == b""
        came = b""
        while part := stream.recv(65536):
            came += part
        assert came.endswith(b"0\r\n\r\n")
        page = visor.app.front._metrics.render()[0].decode()
        counted = [line for line in page.splitlines() if 'status="503"' in line and "_total" in line]
        assert sum(float(line.rpartition(" ")[2]) for line in counted) == len(calls), "as any other answer"
        until(lambda: visor.server.abandoned, "it does not wait for its disk")
    # In a process of its own the loop is not closed after that, and uvicorn does not complain of it.
    logged = [record for record in caplog.records if record.name != "uvicorn.error"]
    assert [record.levelname for record in logged if record.levelno >= logging.ERROR] == ["CRITICAL"]
    assert not [record for record in logged if record.exc_info]


def test_they_may_have_happened_indeed(tmp_path: Path) -> None:
    """Which is why it is not called a failure."""
    path = tmp_path / "visor.db"
    with _hanging(path, 1) as (visor, disk):
        disk.returns.clear()
        with asked(visor, put(7)) as one:
            assert disk.hanging.wait(30)
            visor.server.should_exit = True
            assert _told(heard(one))["outcome"] == "unknown"
    with serving(store=f"sqlite:///{path}") as visor:
        assert visor.get("/members/pms/10.0.1.7").status_code == 200


@pytest.mark.skipif(STRACE is None, reason="needs strace, which makes the kernel's syncs hang")
def test_the_process_ends_without_its_disk(launcher: Launcher, tmp_path: Path) -> None:
    visor = Serving(launcher, tmp_path / "visor.db", shutdown_timeout=2, allowed_hosts=RAW_HOSTS)
    visor.start()
    trace = tmp_path / "trace"
    hang = "inject=fdatasync,fsync:delay_enter=600000000"
    strace = [str(STRACE), "-f", "-e", "trace=fdatasync,fsync", "-e", hang, "-o", str(trace)]
    hanging = subprocess.Popen([*strace, "-p", str(visor.pid)], stderr=subprocess.PIPE, text=True)
    with closing(visor), ExitStack() as ending:
        ending.callback(hanging.kill)
        assert hanging.stderr is not None
        while "attached" not in (line := hanging.stderr.readline()):
            assert line, "strace did not attach"
        raw = b"PUT /members/pms/10.0.1.1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        with asked(visor, raw + b"Content-Length: 2\r\n\r\n{}") as one:  # type: ignore[arg-type]
            until(lambda: trace.exists() and "sync(" in trace.read_text(), "the disk hangs")
            visor.signal(signal.SIGTERM)
            assert _told(heard(one))["outcome"] == "unknown"
        # It is gone, but for what the kernel still keeps for strace.
        until(lambda: not lives(visor.pid), "it ends")
        hanging.kill()
        hanging.communicate(timeout=60)
        assert visor.wait() == 1
        assert "the store does not close" in visor.said
        assert "Traceback" not in visor.said


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_what_is_cut_off_while_etcd_is_away_is_told_so_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """A write, whose outcome is unknown, and a read, which has none."""
    cluster = Cluster(tmp_path).start()
    try:
        with replicas(cluster.endpoints, "visor", 1, shutdown_timeout=1) as (visor,), ExitStack() as open_:
            visor.runnable()
            caplog.clear()
            cluster.members[0].kill() if how == "killed" else cluster.members[0].freeze()
            writes = [open_.enter_context(asked(visor, put(n))) for n in range(20)]
            read = open_.enter_context(asked(visor, b"GET /apps HTTP/1.1\r\nHost: x\r\n\r\n"))
            until(lambda: visor.context.capacity.requests == 21, "all are being worked on")
            visor.server.should_exit = True
            for one in writes:
                assert _told(heard(one))["outcome"] == "unknown"
            assert "outcome" not in _told(heard(read))
            assert not [record for record in caplog.records if record.exc_info]
    finally:
        cluster.stop()
