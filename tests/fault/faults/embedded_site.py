"""One service on the embedded store."""

import asyncio
import signal
from pathlib import Path

from tests.fault.faults.site import Fault, end_and_start, kill_and_start
from tests.fault.traffic.platform import OTHER_HANDS
from tests.fault.visor_process import Launcher, Serving
from tests.http.other_hands import write
from tests.serving import serving

FLAGS = {"bookmark": 0.25, "keep_alive": 0.3, "stream_max_age": 20, "send_timeout": 3}
"""All that a stream does comes often."""


class EmbeddedSite:
    """History is kept short, so that each commit compacts, and the memory's part of it shorter, so that
    reads of the past go to the file."""

    quiet = True
    services_rev = 0

    def __init__(
        self, directory: Path, launcher: Launcher, history: int = 5000, mutant: str | None = None
    ) -> None:
        self.history = history
        service = Serving(
            launcher,
            directory / "visor.db",
            mutant=mutant,
            history=history,
            memory_revs=history // 8,
            **FLAGS,
        )
        self.services = [service]
        self.main = Fault("SIGKILL of the service", self._kill, kills=True)
        self.others = [
            Fault("SIGSTOP of the service", self._freeze),
            Fault("SIGTERM of the service", self._end),
        ]

    async def start(self) -> None:
        await asyncio.to_thread(self._let_others_write)
        await asyncio.to_thread(self.services[0].start)

    def _let_others_write(self) -> None:
        """Before it is served: later nobody else gets at the file."""
        with serving(store=f"sqlite:///{self.services[0].store}") as service:
            write(service, OTHER_HANDS)

    async def every_second(self) -> None:
        """Each commit compacts."""

    async def close(self) -> None:
        await asyncio.to_thread(self.services[0].close)

    async def findings(self) -> list[str]:
        return []

    async def _kill(self, seconds: float) -> None:
        await kill_and_start(self.services[0], min(seconds / 4, 0.2))

    async def _freeze(self, seconds: float) -> None:
        service = self.services[0]
        service.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        service.signal(signal.SIGCONT)

    async def _end(self, seconds: float) -> None:
        await end_and_start(self.services[0], 0)
