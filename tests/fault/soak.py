"""Memory over time: `python -m tests.fault.soak --minutes 10`.

A service with a short history is written to, with small objects and large ones, by calls with idempotency
keys too, while subscribers come and go by the thousand. What it keeps is the same after the first third of
the run; so has its memory to be. Exits with 1 where it is not, or where a call failed.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Coroutine
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from tests.fault.visor_process import Launcher, Serving

LARGE = 950_000
"""Bytes of the variables of the largest app."""

SLACK = 16 * 1024 * 1024
"""Bytes by which the memory of two thirds of a run may differ in any case."""


@dataclass
class Soak:
    """A run: what is asked of the service, and what was seen."""

    visor: Serving
    seconds: float
    subscribers: int
    rate: float
    seed: int
    memory: list[tuple[float, int]] = field(default_factory=list)
    writes: int = 0
    streams: int = 0
    failures: list[str] = field(default_factory=list)
    slowest_look: float = 0.0

    async def run(self) -> None:
        """All at a time, until the time is over."""
        self._until = time.monotonic() + self.seconds
        async with httpx2.AsyncClient(base_url=self.visor.url, timeout=30, verify=False) as self._client:
            for n in range(20):
                await self._client.post("/apps", json=_app(f"a{n}", LARGE if n == 0 else 1_000))
            workers: list[Coroutine[Any, Any, None]] = [self._write(n) for n in range(4)]
            workers += [self._come_and_go(n) for n in range(self.subscribers)]
            await asyncio.gather(*workers, self._look(), self._ask_whether_it_lives())

    @property
    def _going_on(self) -> bool:
        return time.monotonic() < self._until

    async def _write(self, worker: int) -> None:
        dice, n = random.Random(self.seed * 100 + worker), 0
        while self._going_on:
            await asyncio.sleep(dice.expovariate(self.rate / 4))
            n += 1
            app = f"a{dice.randrange(20)}" if n % 20 else "a0"
            key = {"Idempotency-Key": f"{worker}-{n}"}
            calls = [
                self._client.put(f"/apps/{app}/env/n", json={"value": "x" * dice.randrange(200)}),
                self._client.post("/services", json={"name": f"s{worker}-{n}"}, headers=key),
                self._client.delete(f"/services/s{worker}-{n}"),
            ]
            for call in calls:
                answer = await call
                self.writes += 1
                if not answer.is_success:
                    self.failures.append(answer.text[:200])

    async def _come_and_go(self, number: int) -> None:
        """A subscriber after the other: each reads for some time, and leaves; one in ten reads nothing."""
        dice = random.Random(self.seed * 100_000 + number)
        while self._going_on:
            query = dice.choice(["", "?app=a1", "?type=service-*", "?snapshot=true&app=a2", "?rev=0"])
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.visor.port)
                writer.write(f"GET /events{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                self.streams += 1
                until = time.monotonic() + dice.uniform(0.1, 4)
                if dice.random() < 0.1:
                    await asyncio.sleep(dice.uniform(0.1, 4))
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(
                        asyncio.get_running_loop().time() + until - time.monotonic()
                    ):
                        while await reader.read(65_536):
                            pass
                writer.transport.abort()

    async def _look(self) -> None:
        """Note the memory of the process, twice a second."""
        began = time.monotonic()
        while self._going_on:
            self.memory.append((time.monotonic() - began, resident(self.visor.pid)))
            await asyncio.sleep(0.5)

    async def _ask_whether_it_lives(self) -> None:
        while self._going_on:
            began = time.monotonic()
            answer = await self._client.get("/livez")
            self.slowest_look = max(self.slowest_look, time.monotonic() - began)
            if answer.status_code != 200:
                self.failures.append(answer.text[:200])
            await asyncio.sleep(0.2)


def _app(name: str, size: int) -> dict[str, Any]:
    env = {f"V{n}": "x" * min(60_000, size - at) for n, at in enumerate(range(0, size, 60_000))}
    return {"name": name, "repo_url": "https://git.example.com/x.git", "stack": "lenny", "env": env}


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def thirds(memory: list[tuple[float, int]]) -> list[int]:
    """The median memory of each third of the run."""
    size = max(len(memory) // 3, 1)
    return [
        int(median(bytes for _, bytes in memory[at * size : (at + 1) * size] or memory)) for at in range(3)
    ]


def is_flat(memory: list[tuple[float, int]]) -> bool:
    """Whether the last third takes no more than the one before it: by more than a twentieth."""
    _, before, after = thirds(memory)
    return after <= before * 1.05 + SLACK


def report(soak: Soak) -> str:
    """What was seen, in lines."""
    mib = " -> ".join(f"{bytes / 2**20:.0f}" for bytes in thirds(soak.memory))
    lines = [
        f"{soak.seconds:.0f} s: {soak.writes} writes, {soak.streams} subscribers that came and went",
        f"memory by thirds, MiB: {mib}: {'flat' if is_flat(soak.memory) else 'IT GROWS'}",
        f"slowest /livez: {soak.slowest_look:.2f} s",
        f"failures: {len(soak.failures)}" + "".join(f"\n  {failure}" for failure in soak.failures[:5]),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fault.soak", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--history", type=int, default=5000)
    parser.add_argument("--subscribers", type=int, default=100, help="at a time; each stays some seconds")
    parser.add_argument("--rate", type=float, default=20, help="rounds of three writes, by second")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="visor-soak-") as directory, closing(Launcher()) as launcher:
        flags = {
            "history": asked.history,
            "history_bytes": 64 * 2**20,
            "memory_revs": asked.history,
            "memory_bytes": 64 * 2**20,
        }
        visor = Serving(launcher, Path(directory) / "visor.db", **flags)
        with closing(visor):
            visor.start()
            soak = Soak(visor, asked.minutes * 60, asked.subscribers, asked.rate, asked.seed)
            asyncio.run(soak.run())
            sys.stdout.write(report(soak))
            sys.stdout.flush()
    return 0 if is_flat(soak.memory) and not soak.failures else 1


if __name__ == "__main__":
    sys.exit(main())
