"""Several processes on one port: `visor serve --workers N`, for stores that processes can share."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from app.http.metrics import MULTIPROCESS
from app.server.notifier import BEATS, Notifier, watchdog_of
from app.server.worker_signs import WorkerSigns

logger = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)

CALM_SECONDS = 10.0
"""A worker that lived so long and died is started again at once; a younger one after a second."""


class Workers:
    """Starts `command` + `--fd N` so many times, starts again what dies, and ends with a signal.

    Where they read files again (`reloads`), SIGHUP is passed on to them.

    A supervisor knows this process alone: it is told that the service is ready when all workers are, and
    where it expects signs of life, a worker that sends none is killed and started again.
    """

    def __init__(
        self, command: Sequence[str], listening: socket.socket, count: int, *, reloads: bool = False
    ) -> None:
        self._reloads = reloads
        self._metrics = tempfile.TemporaryDirectory(prefix="visor-metrics-")
        self._command = [*command, "--fd", str(listening.fileno())]
        self._fd = listening.fileno()
        self._count = count
        self._running: dict[subprocess.Popen[bytes], float] = {}
        self._ending = False
        self._notifier = Notifier.of(os.environ)
        self._watchdog = watchdog_of(os.environ)
        self._signs: dict[subprocess.Popen[bytes], WorkerSigns] = {}
        self._is_ready = False
        self._last_beat = 0.0

    def run(self) -> int:
        """The exit status: 0 after a signal, else the status of a worker that could not start."""
        for number in _ENDING:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, self._on_hangup)
        for _ in range(self._count):
            self._start()
        status = 0
        while self._running:
            self._tell_supervisor()
            for worker, since in list(self._running.items()):
                try:
                    status = worker.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
                del self._running[worker]
                self._signs.pop(worker).close()
                # What it counted stays; its gauges go.
                mark_process_dead(worker.pid, self._metrics.name)  # type: ignore[no-untyped-call]
                if not self._ending:
                    status = self._died(worker, since, status)
        self._metrics.cleanup()
        # One that was still starting is ended by the signal itself.
        return 0 if self._ending and (status >= 0 or -status in _ENDING) else status

    def _start(self) -> None:
        # Each worker counts in files of its own there, and answers `/metrics` for all of them.
        signs = WorkerSigns(self._metrics.name, self._watchdog)
        environment = os.environ | {MULTIPROCESS: self._metrics.name} | signs.environment
        # It names the parent, and this worker would take the variables for not its own.
        environment.pop("WATCHDOG_PID", None)
        # In a group of its own: Ctrl-C is passed on, and must not come twice, as who is in a hurry has it.
        worker = subprocess.Popen(self._command, pass_fds=[self._fd], env=environment, process_group=0)
        self._running[worker] = time.monotonic()
        self._signs[worker] = signs
        if self._ending:
            # The signal came while it was started, and did not reach it.
            worker.send_signal(signal.SIGTERM)

    def _tell_supervisor(self) -> None:
        for worker, signs in self._signs.items():
            signs.read()
            if signs.stuck and not self._ending:
                logger.error("worker %d has sent no sign of life: it is killed", worker.pid)
                worker.kill()
        if self._ending:
            self._notifier.stopping()
        elif not self._is_ready and all(signs.ready for signs in self._signs.values()):
            self._is_ready = True
            self._notifier.ready()
        if self._watchdog and time.monotonic() - self._last_beat > self._watchdog / BEATS:
            self._last_beat = time.monotonic()
            self._notifier.alive()

    def _died(self, worker: "subprocess.Popen[bytes]", since: float, status: int) -> int:
        lived = time.monotonic() - since
        if status in (1, 2) and lived < CALM_SECONDS:
            # It has said in one line why it cannot start, and the others cannot either.
            self._end()
            return status
        logger.error("worker %d has ended with status %d after %.1f s", worker.pid, status, lived)
        if lived < CALM_SECONDS:
            time.sleep(1)
        if not self._ending:
            self._start()
        return 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._end(number)

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        if not self._reloads:
            self._end(signal.SIGTERM)  # the terminal is gone, or somebody has sent what means nothing here
            return
        for worker in self._running:
            worker.send_signal(signal.SIGHUP)

    def _end(self, number: int = signal.SIGTERM) -> None:
        self._ending = True
        for worker in self._running:
            worker.send_signal(number)


def command_of(arguments: Sequence[str]) -> list[str]:
    """This very command again, for one worker: `arguments` are the ones it was started with."""
    return [sys.executable, "-m", "app.cli", *arguments]
