"""Subscribers: one who keeps everything, and others who come, go, resume, filter and lag."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fault.traffic.record import Session, Told
from tests.fault.traffic.stream import GONE, SNAPSHOT, SseStream


@dataclass(frozen=True)
class Habit:
    """How one reads. `stays`: seconds until it leaves by itself, and comes back after `away` seconds, as
    from to. `lag`: seconds between two looks at what has come. `snapshot`: it begins anew each time, from a
    snapshot, instead of going on where it was."""

    path: str = "/events"
    query: tuple[tuple[str, Any], ...] = ()
    stays: tuple[float, float] | None = None
    away: tuple[float, float] = (0.0, 0.3)
    lag: float = 0.0
    snapshot: bool = False


HABITS = {
    "archivist": Habit(),
    "follower": Habit(),
    "visitor": Habit(stays=(0.3, 2.0), away=(0.0, 2.0)),
    "guest": Habit(stays=(0.2, 1.0), away=(0.0, 0.5), snapshot=True, query=(("app", "base"),)),
    "newcomer": Habit(stays=(1.0, 3.0), away=(2.0, 5.0), snapshot=True),
    "instances": Habit(query=(("type", "instance-*"),), stays=(3.0, 9.0)),
    "base": Habit("/apps/base/events", stays=(3.0, 9.0)),
    "host": Habit(query=(("host", "10.1.0.1"),), stays=(3.0, 9.0)),
    "web": Habit(query=(("proctype", "web"), ("type", "instance-claim"), ("type", "proc-*"))),
    "laggard": Habit(lag=1.5, stays=(6.0, 12.0)),
}


class Subscriber:
    """One who follows the history, over whatever happens, with nothing but the last id that came."""

    def __init__(self, name: str, habit: Habit, ports: Sequence[int], seed: object) -> None:
        self.name = name
        self.sessions: list[Session] = []
        self.place: str | None = "0"
        self.reached = 0
        self.lost = 0
        self._habit = habit
        self._ports = ports
        self._random = Random(f"{seed} {name}")
        self._at = self._random.randrange(len(ports))
        self._until: int | None = None
        self._done, self._hurry = asyncio.Event(), asyncio.Event()

    async def follow(self) -> None:
        """Follow until `finish`, and then until all is read."""
        while not self._finished():
            await self._one()
            await self._rest(self._random.uniform(*self._habit.away))
            self._at = (self._at + 1) % len(self._ports)
        self._done.set()

    async def finish(self, rev: int) -> None:
        """Wait until everything up to the rev was read."""
        self._until = rev
        self._hurry.set()
        await self._done.wait()

    async def _rest(self, seconds: float) -> None:
        """Not long any more when it is to come to its end."""
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return
        await asyncio.sleep(0.05)

    def _finished(self) -> bool:
        return self._until is not None and self.reached >= self._until

    async def _one(self) -> None:
        habit = self._habit
        query: dict[str, Any] = {}
        for name, value in habit.query:
            query.setdefault(name, []).append(value)
        start = self.place
        if habit.snapshot:
            query["snapshot"], start = "true", None
        session = Session(self.name, self._at, start, query | {"path": habit.path}, time.monotonic_ns())
        stream = SseStream(self._ports[self._at], habit.path, query, start)
        stays = None if habit.stays is None else self._random.uniform(*habit.stays)
        try:
            # Through so small a buffer all that it has yet to read at the end would take minutes.
            await stream.open(8192 if habit.lag and self._until is None else None)
            self.sessions.append(session)
            session.status = stream.status
            session.rev = int(stream.headers["visor-rev"])
            if stream.status != 200:
                session.end = "refused"
                if stream.status != 503:
                    self._begin_anew()
                return
            try:
                async with asyncio.timeout(stays), aclosing(stream.frames()) as frames:
                    async for part in frames:
                        self._take(session, part)
                        if self._finished() or session.end == "gone":
                            break
                        if habit.lag and self._until is None:
                            await self._rest(habit.lag)
            except TimeoutError:
                session.end = "left"
            else:
                if session.end == "cut":
                    session.end = "over" if stream.whole else "left" if self._finished() else "cut"
        except (OSError, EOFError, TimeoutError):
            return
        finally:
            stream.close()

    def _take(self, session: Session, part: list[tuple[int, int, bytes]]) -> None:
        for rev, index, data in part:
            if index == GONE:
                session.end = "gone"
                self._begin_anew()
                return
            if index == SNAPSHOT:
                session.objects.append(data)
                continue
            session.frames.append((rev, index, hash(data) if index >= 0 else 0))
            self.place = f"{rev}-{index}" if index >= 0 else str(rev)
            # An event may be the first of several of its rev; a mark says that all of it was sent.
            self.reached = rev if index < 0 else rev - 1
            self.heard(rev, index, data)

    def _begin_anew(self) -> None:
        """What it would have gone on from is no longer there."""
        self.lost += 1
        self.place = None

    def heard(self, rev: int, index: int, data: bytes) -> None:
        """For who keeps more than what came when."""


class Archivist(Subscriber):
    """One who keeps every event: the history that everything is judged by."""

    def __init__(self, ports: Sequence[int], seed: object) -> None:
        super().__init__("archivist", HABITS["archivist"], ports, seed)
        self.told: list[Told] = []

    def heard(self, rev: int, index: int, data: bytes) -> None:
        if index >= 0:
            self.told.append(Told(data, time.monotonic_ns()))
