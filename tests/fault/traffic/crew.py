"""Who takes part in the traffic, and in what numbers."""

import asyncio
from collections.abc import Collection, Sequence

from tests.fault.traffic import declared, hosts, platform, readers, writers
from tests.fault.traffic.client import Client, Script
from tests.fault.traffic.library_reader import LibraryReader
from tests.fault.traffic.pace import Pace
from tests.fault.traffic.record import Call
from tests.fault.traffic.subscribers import HABITS, Archivist, Subscriber

WRITERS: list[tuple[Script, int]] = [
    (writers.variables, 8),
    (writers.counters, 4),
    (writers.records, 1),
    (writers.apps, 6),
    (writers.races, 6),
    (writers.directory, 6),
    (declared.platforms, 4),
    (hosts.tickets, 6),
    (hosts.scales, 2),
    (hosts.hosts, 12),
    (hosts.arena, 6),
]
READERS: list[tuple[Script, int]] = [
    (readers.latest, 4),
    (readers.stale, 2),
    (readers.past, 4),
    (readers.times, 1),
]


class Crew:
    """Clients and subscribers of the services at `ports`. `rate` is of the writers' calls, by second; the
    readers make a quarter of that. `writers` names the scripts that write, where it is not to be all."""

    def __init__(
        self, ports: Sequence[int], rate: float, seed: object, writers: Collection[str] = ()
    ) -> None:
        self._writers = [(script, count) for script, count in WRITERS if script.__name__ in writers]
        self.calls: list[Call] = []
        self.pace, self._reading = Pace(rate), Pace(rate / 4)
        self._ports, self._seed = ports, seed
        self.archivist = Archivist(ports, seed)
        self.subscribers: list[Subscriber | LibraryReader] = [
            self.archivist,
            LibraryReader("library", ports),
        ]
        for name, habit in HABITS.items():
            if name != "archivist":
                count = 2 if name in ("follower", "visitor") else 1
                self.subscribers += [Subscriber(f"{name}{n}", habit, ports, seed) for n in range(count)]
        self._tasks: list[asyncio.Task[None]] = []
        self._following: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Prepare the registry, then begin."""
        self._following = [asyncio.create_task(one.follow()) for one in self.subscribers]
        preparing = self._client("p0", self.pace)
        await platform.prepare(preparing)
        await preparing.aclose()
        for names, pace, scripts in (
            ("w", self.pace, self._writers or WRITERS),
            ("r", self._reading, READERS),
        ):
            each = [script for script, count in scripts for _ in range(count)]
            self._tasks += [
                asyncio.create_task(self._client(f"{names}{n}", pace).work(script))
                for n, script in enumerate(each)
            ]

    def _client(self, name: str, pace: Pace) -> Client:
        return Client(name, self._ports, self.calls, pace, self._seed)

    def check(self) -> None:
        """Raises what has ended a client before its time: a mistake of the suite's own."""
        for task in (*self._tasks, *self._following):
            if task.done() and not task.cancelled():
                task.result()

    async def stop(self) -> None:
        """No new calls; those under way are waited for."""
        self.pace.stop()
        self._reading.stop()
        await asyncio.gather(*self._tasks)

    async def drain(self, rev: int, seconds: float = 60) -> list[str]:
        """Have each subscriber read everything up to the rev, however long a slow machine takes for it; the
        names of those that got no further for so many seconds."""
        waiting = {asyncio.create_task(one.finish(rev)): one for one in self.subscribers}
        late = set(waiting)
        while late:
            before = [waiting[task].reached for task in late]
            _, still = await asyncio.wait(late, timeout=seconds)
            stuck = still == late and before == [waiting[task].reached for task in late]
            late = still
            if stuck:
                break
        for task in (*late, *self._following):
            task.cancel()
        await asyncio.gather(*late, *self._following, return_exceptions=True)
        return sorted(
            f"{one.name} (it is at rev {one.reached})" for task, one in waiting.items() if task in late
        )
