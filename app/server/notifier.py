"""What a supervisor (systemd) is told about this process, by its protocol `sd_notify`."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping

READY = b"READY=1"
STOPPING = b"STOPPING=1"
WATCHDOG = b"WATCHDOG=1"

BEATS = 3
"""Signs of life in the time after which the supervisor takes the process for stuck."""


class Notifier:
    """Tells the supervisor that the service is ready, that it is alive, and that it ends.

    Without an address nothing is sent. `watchdog` (seconds): a process that has sent no sign of life for so
    long is taken for stuck. The signs are sent by the event loop itself: a loop that is stuck sends none.
    """

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._address = address
        self._watchdog = watchdog
        self._is_stopping = False

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Notifier":
        """The one that the supervisor asks for, in the variables that it has set for this process."""
        return cls(environment.get("NOTIFY_SOCKET"), watchdog_of(environment))

    def ready(self) -> None:
        """The service serves."""
        self._send(READY)

    def alive(self) -> None:
        """A sign of life."""
        self._send(WATCHDOG)

    def stay_alive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop send the signs of life from now on."""
        if self._address and self._watchdog:
            self.alive()
            loop.call_later(self._watchdog / BEATS, self.stay_alive, loop)

    def stopping(self) -> None:
        """The service drains or ends; it is said once."""
        if not self._is_stopping:
            self._is_stopping = True
            self._send(STOPPING)

    def _send(self, message: bytes) -> None:
        if self._address:
            send(self._address, message)


def watchdog_of(environment: Mapping[str, str]) -> float | None:
    """Seconds within which the supervisor expects a sign of life of this process, or None."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    # The variables are inherited: they may be meant for the parent.
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not microseconds.isdecimal():
        return None
    return int(microseconds) / 1e6 or None


def send(address: str, message: bytes) -> None:
    """Send this to the supervisor's socket; `@` stands for the NUL of an abstract one."""
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    # A supervisor that is gone or busy must neither end the service nor hold it up.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.setblocking(False)
        sending.connect(address)
        sending.send(message)
