"""`visor` commands as processes, and a running service among them."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.etcd.cluster import free_port

_ROOT = Path(__file__).parents[2]


class Launcher:
    """Starts commands; ends at `close` what still runs."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._running: set[int] = set()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("prefork.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )

    def _ask(self, **asked: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def start(self, *args: str, stderr: Path, env: dict[str, str] | None = None, **more: Any) -> int:
        """Start `visor ARGS`; its pid. What it writes is added to the file `stderr`. For `more` see
        `prefork`."""
        pid = self._ask(args=list(args), stderr=str(stderr), env=env or {}, **more)
        self._running.add(pid)
        return pid

    def wait(self, pid: int, seconds: float = 30) -> int:
        """The exit status of a process that has ended or is about to."""
        until = time.monotonic() + seconds
        while lives(pid):
            assert time.monotonic() < until, f"process {pid} goes on"
            time.sleep(0.002)
        self._running.discard(pid)
        return self._ask(wait=pid)

    def run(self, *args: str, stderr: Path, env: dict[str, str] | None = None) -> tuple[int, str]:
        """Run `visor ARGS` to its end: its exit status, and what it wrote."""
        before = stderr.stat().st_size if stderr.exists() else 0
        status = self.wait(self.start(*args, stderr=stderr, env=env))
        return status, stderr.read_bytes()[before:].decode()

    def close(self) -> None:
        for pid in list(self._running):
            os.kill(pid, signal.SIGKILL)
            self.wait(pid)
        self._process.stdin and self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout and self._process.stdout.close()


class Serving:
    """A `visor serve` in a process of its own. `store` is the file's path, of which what it says has its
    name, whatever the `url` of the store is; `flags` are settings. On a `machine` (a network namespace) it
    is reached from here all the same. `mutant` is a defect that it is to have."""

    def __init__(
        self,
        launcher: Launcher,
        store: Path,
        *,
        url: str | None = None,
        machine: str | None = None,
        mutant: str | None = None,
        **flags: Any,
    ) -> None:
        self._launcher = launcher
        self.store = store
        self.port = free_port()
        self._tls = "tls_cert" in flags
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        self._store_url = url or f"sqlite:///{store}"
        self._place = {"machine": machine, "listen": self.port} if machine is not None else {}
        self._mutant = {"mutant": mutant} if mutant is not None else {}
        self.stderr = store.with_name(store.name + ".stderr")
        self._flags = {"log-level": "warning", **{k.replace("_", "-"): str(v) for k, v in flags.items()}}
        self.pid = 0
        self.client = httpx2.Client(base_url=self.url, timeout=30, verify=False)

    def start(self) -> float:
        """Start it, or start it again; the seconds until it was ready."""
        began = time.monotonic()
        flags = [part for name, value in self._flags.items() for part in (f"--{name}", value)]
        self.pid = self._launcher.start(
            *("serve", "--store", self._store_url, "--port", str(self.port), *flags),
            stderr=self.stderr,
            **self._place,
            **self._mutant,
        )
        while not self._ready():
            assert time.monotonic() - began < 60, f"it does not start: {self.said}"
            if not lives(self.pid):
                self.wait()
                raise EndedAtStart(f"it has ended: {self.said}")
            time.sleep(0.002)
        return time.monotonic() - began

    def start_supervised(self) -> None:
        """As a supervisor does: one that ends at its start, where etcd could not be asked for 5 s, is started
        again. On a file there is no such excuse."""
        until = time.monotonic() + 60
        while True:
            try:
                self.start()
                return
            except EndedAtStart:
                if time.monotonic() > until or not self._store_url.startswith("etcd:"):
                    raise

    def _ready(self) -> bool:
        # A connection of its own: those of the client may be of a process that is no more.
        try:
            with self._dialed() as asking:
                asking.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return asking.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def _dialed(self) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self.port), 60)
        if not self._tls:
            return raw
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        return anybody.wrap_socket(raw)

    @property
    def said(self) -> str:
        """All that it has written to its standard error."""
        return self.stderr.read_text() if self.stderr.exists() else ""

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As a crash does: nothing of it runs any more."""
        self.signal(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def terminate(self) -> int:
        """As `docker stop` does; its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        status = self._launcher.wait(self.pid)
        self.pid = 0
        return status

    def made(self, path: str, body: Any, method: str = "POST", **headers: str) -> Any:
        """The answer to a write that has to succeed."""
        answer = self.client.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.client.get(path, **more)

    @property
    def rev(self) -> int:
        rev: int = self.get("/rev").json()["rev"]
        return rev

    def close(self) -> None:
        self.client.close()
        if self.pid:
            self.kill()


class EndedAtStart(AssertionError):
    """It was never ready."""


def lives(pid: int) -> bool:
    """Whether the process has not ended; one that nobody has waited for yet is a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


Starts = Callable[..., Serving]


@contextmanager
def starting(store: Path) -> Iterator[Starts]:
    """Gives what starts `visor serve` on the store with some flags; what was started ends with it."""
    with ExitStack() as over:
        launcher = over.enter_context(closing(Launcher()))

        def start(**flags: Any) -> Serving:
            visor = over.enter_context(closing(Serving(launcher, store, **flags)))
            visor.start()
            return visor

        yield start
