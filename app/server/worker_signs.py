"""What a worker tells the process that started it: the same protocol that a supervisor speaks."""

import os
import socket
import time
from pathlib import Path

from app.server.notifier import READY


class WorkerSigns:
    """The signs of life of one worker, which is started with `environment`.

    `watchdog` (seconds): a worker that has been ready and sent none for so long is `stuck`."""

    def __init__(self, directory: str, watchdog: float | None) -> None:
        self._path = Path(directory, f"notify-{time.monotonic_ns()}")
        self._receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiving.bind(os.fspath(self._path))
        self._receiving.setblocking(False)
        self._watchdog = watchdog
        self._last = 0.0
        self.ready = False
        self.environment = {"NOTIFY_SOCKET": os.fspath(self._path)}
        if watchdog:
            self.environment["WATCHDOG_USEC"] = str(round(watchdog * 1e6))

    @property
    def stuck(self) -> bool:
        """Whether it served, and has said nothing since for too long."""
        return bool(self.ready and self._watchdog and time.monotonic() - self._last > self._watchdog)

    def read(self) -> None:
        """Take in what it has said."""
        while True:
            try:
                message = self._receiving.recv(256)
            except BlockingIOError:
                return
            self._last = time.monotonic()
            self.ready = self.ready or message == READY

    def close(self) -> None:
        """The worker has ended."""
        self._receiving.close()
        self._path.unlink(missing_ok=True)
