"""`python -m tests.fault.overload`: what the service can take, what five times that does to it, and how
soon it is itself again. The service has one core and its clients another, where there are two.

So many connections cost a server more than few do, whatever it does with them: their state is not in the
caches. What is left to one that does nothing, measured in the same run, is all that can be asked of Visor.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import uvloop

from bench.serving import Served, Stage
from tests.fault.overload.crowd import Crowd
from tests.fault.overload.work import WORK, Work, nothing
from tests.fault.visor_process import Launcher, Serving

LEVELS = (16, 64, 256)
"""Connections that ask in turn, to find the most that is done in a second."""

CALM = 0.5
"""Of the most: what is asked before the overload and after it."""

WANTED = 0.8
"""Of the most: what is still done at the overload, or else what a server that does nothing does."""

_CORES = sorted(os.sched_getaffinity(0))


async def measure(
    server: Serving | Served, name: str, work: Work, times: float, wires: int, seconds: float
) -> dict[str, Any]:
    """The figures of one kind of work."""
    crowd = Crowd(server.port, work)
    await crowd.connect(wires)
    with closing(crowd):
        # All of them once: what each keeps is there then, and no connection is closed for its silence.
        await crowd.in_turn(2, wires)
        first = await _peak(crowd, seconds)
        before = await crowd.at_rate(first * CALM, seconds / 2)
        await crowd.settled()
        ran, waited = _scheduled(server.pid)
        seen = await crowd.at_rate(first * times, seconds)
        ran, waited = [
            (now - then) / seconds for now, then in zip(_scheduled(server.pid), (ran, waited), strict=True)
        ]
        recovered, after = await _recovery(crowd, first * CALM, before.percentile(0.99))
        await crowd.settled()
        # The registry has grown meanwhile: what it can do is the mean of what it could and can.
        peak = (first + await _peak(crowd, seconds)) / 2
    good = seen.good / seconds
    return {
        "work": name,
        "peak_per_s": round(peak),
        "offered_per_s": round(first * times),
        "sent_per_s": round((sum(seen.statuses.values())) / seconds),
        "good_per_s": round(good),
        "goodput_of_peak": round(good / peak, 2),
        "refused_per_s": round(seen.refused / seconds),
        "waited_for_a_connection_per_s": round(seen.unsent / seconds),
        "statuses": {str(status): count for status, count in sorted(seen.statuses.items())},
        "wrong": [one[:300].decode("latin-1") for one in seen.wrong + after.wrong],
        "connections_cut": crowd.lost,
        "p99_ms_before": round(before.percentile(0.99), 1),
        "p99_ms_during": round(seen.percentile(0.99), 1),
        "p99_ms_after": round(after.percentile(0.99), 1),
        "recovered_s": recovered,
        "core_had": round(ran, 2),
        "core_waited_for": round(waited, 2),
    }


async def _peak(crowd: Crowd, seconds: float) -> float:
    """The most that is done in a second."""
    return max([(await crowd.in_turn(seconds / 4, level)).good / (seconds / 4) for level in LEVELS])


async def _recovery(crowd: Crowd, rate: float, p99: float) -> tuple[float, Any]:
    """Seconds until half a second passes in which all is answered, nothing refused, as fast as before
    (within twice, or 20 ms); what was seen in it."""
    began = time.perf_counter()
    while True:
        passed = time.perf_counter() - began
        seen = await crowd.at_rate(rate, 0.5)
        asked = sum(seen.statuses.values())
        if (
            seen.good == asked and seen.percentile(0.99) <= max(2 * p99, 20) and not seen.unsent
        ) or passed > 30:
            return round(passed, 1), seen


def _scheduled(pid: int) -> tuple[float, float]:
    """Seconds for which the threads of a process have run, and have waited for a core, together."""
    found = [
        [int(part) / 1e9 for part in (task / "schedstat").read_text().split()[:2]]
        for task in Path(f"/proc/{pid}/task").iterdir()
    ]
    return sum(ran for ran, _ in found), sum(waited for _, waited in found)


def pinned(server: Serving | Served) -> None:
    """Give the server a core of its own, where there is one to give."""
    if len(_CORES) > 1:
        for task in Path(f"/proc/{server.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), _CORES[:1])
        os.sched_setaffinity(0, _CORES[1:])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault.overload", description=__doc__)
    parser.add_argument("--work", nargs="*", default=sorted(WORK), choices=sorted(WORK))
    parser.add_argument("--times", type=float, default=5, help="of the peak, how much is offered (5)")
    parser.add_argument("--connections", type=int, default=2000, help="that the clients have (2000)")
    parser.add_argument("--seconds", type=float, default=6, help="of the overload (6)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("flags", nargs="*", metavar="NAME=VALUE", help="settings of the service")
    arguments = parser.parse_args()
    flags = dict(one.split("=", 1) for one in arguments.flags)
    figures = []

    def seen(server: Serving | Served, name: str, work: Work) -> dict[str, Any]:
        pinned(server)
        return uvloop.run(
            measure(server, name, work, arguments.times, arguments.connections, arguments.seconds)
        )

    with tempfile.TemporaryDirectory() as path, Stage(Path(path)) as stage:
        figures.append(seen(stage.start_module("uvicorn alone", "bench.peers.bare_asgi"), "nothing", nothing))
    sys.stdout.write(json.dumps(figures[0], indent=2) + "\n")
    wanted = min(WANTED, figures[0]["goodput_of_peak"])
    with tempfile.TemporaryDirectory() as path, closing(Launcher()) as launcher:
        for name in arguments.work:
            with closing(Serving(launcher, Path(path) / f"{name}.db", **flags)) as visor:
                visor.start()
                found = seen(visor, name, WORK[name])
                found["service_complained"] = visor.said[:2000]
                figures.append(found)
                sys.stdout.write(json.dumps(found, indent=2) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    bad = [f for f in figures if f["goodput_of_peak"] < wanted or f["recovered_s"] > 5 or f["wrong"]]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
