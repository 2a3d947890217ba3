"""Starting what is measured, and ending it: processes on free ports of 127.0.0.1, ended by their ids."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from app.server.server import listen
from bench.processes import SERVER, cpu_seconds, memory, on, tree

START_SECONDS = 120.0
"""A store of 100,000 objects may take a while; what has not started by then will not."""

SLOWLY = 10
"""Times as long, where it runs under another program."""


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Served:
    """A server that runs. `name` is what the table calls it."""

    def __init__(self, name: str, port: int, pid: int) -> None:
        self.name = name
        self.port = port
        self.pid = pid

    @property
    def pids(self) -> list[int]:
        return tree(self.pid)

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pids)

    @property
    def memory(self) -> int:
        """Bytes."""
        return memory(self.pids)


class Stage:
    """What runs during one benchmark; all of it ends when the benchmark does, however it does."""

    def __init__(self, directory: Path) -> None:
        self._directory = Path(tempfile.mkdtemp(dir=directory))
        self._ends = ExitStack()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def at_end(self, call: Callable[[], object]) -> None:
        self._ends.callback(call)

    def place(self, name: str) -> Path:
        """A path of its own in the directory of this benchmark."""
        self._count += 1
        return self._directory / f"{self._count}-{name}"

    def start(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        *,
        cpus: frozenset[int] = SERVER,
        ready: Callable[[int], bool] | None = None,
        pass_fds: Sequence[int] = (),
        within: float = START_SECONDS,
    ) -> Served:
        """Run the command on these cores, and return when it answers on the port (or `ready` says so). Raises
        RuntimeError with what it wrote where it does not start `within` these seconds."""
        log = self.place(f"{name.split()[0].lower()}.log")
        with log.open("wb") as output, on(cpus):
            process = subprocess.Popen(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, pass_fds=pass_fds
            )
        self.at_end(lambda: _end(process))
        until = time.monotonic() + within
        while not (ready or _answers)(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} has not started: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)
        return Served(name, port, process.pid)

    def start_python(
        self,
        name: str,
        *args: str,
        cpus: frozenset[int] = SERVER,
        ready: Callable[[int], bool] | None = None,
        under: Sequence[str] = (),
    ) -> Served:
        """Run `python ARGS --fd N`, N a socket that listens already: nobody else can take its port. `under`
        is a command that runs it, as a debugger is."""
        with listen("127.0.0.1", 0) as socket:
            fd, port = socket.fileno(), socket.getsockname()[1]
            command = [*under, sys.executable, *args, "--fd", str(fd)]
            within = START_SECONDS * (SLOWLY if under else 1)
            return self.start(name, command, port, cpus=cpus, ready=ready, pass_fds=[fd], within=within)

    def start_module(self, name: str, module: str, under: Sequence[str] = ()) -> Served:
        """A peer of ours."""
        return self.start_python(name, "-m", module, under=under)


def _answers(port: int) -> bool:
    """Whether there is an HTTP server, whatever it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    below = tree(process.pid) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        for pid in below:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)
        process.wait()
