"""Subscribers to whom nothing happens: what each takes of memory, and of CPU between keep-alives."""

import time
from collections.abc import Callable

from bench.fanout import SUBSCRIBERS
from bench.peers import visor
from bench.processes import cpu_seconds
from bench.seeded import a_copy, file_of
from bench.serving import Stage
from bench.streams import Streams, connected, frame_of, of_naive, of_raw, of_visor
from bench.table import Row
from bench.turns import Plan, by_turns

GROUP = "idle"
WINDOW = 10.0
"""Seconds."""

# Visor spreads its keep-alives: with the usual 15 s there is no time between them that is nobody's turn.
_NEVER = "3600"

_FEW = 20
"""Subscribers that are there before: what the first ones bring into memory is not what each takes."""


def measure(plan: Plan) -> list[Row]:
    count = 50 if plan.quick else SUBSCRIBERS
    seconds = 0.2 if plan.quick else WINDOW

    frame = b""

    def with_visor(stage: Stage) -> Streams:
        nonlocal frame
        ours = of_visor(
            visor.on_file(stage, a_copy(stage, file_of(plan, 10, 1000)), keep_alive=_NEVER, bookmark=_NEVER),
            1,
        )
        # Visor's turn is the first: the others send what it has sent.
        frame = frame_of(ours)
        return ours

    def of(start: Callable[[Stage], Streams]) -> Callable[[], tuple[float, float]]:
        def run() -> tuple[float, float]:
            # A fresh process for each: memory that another use has left would hide what is taken.
            with Stage(plan.directory) as stage:
                return _idle(start(stage), count, seconds)

        return run

    seen = by_turns(
        plan,
        {
            "visor": of(with_visor),
            "raw ASGI broadcaster": of(lambda stage: of_raw(stage, frame, 1)),
            "naive sse-starlette": of(lambda stage: of_naive(stage, frame, 1)),
        },
    )
    memory, cpu = ([one[n] for one in seen["visor"]] for n in (0, 1))
    rows = [Row(GROUP, "memory of an idle subscriber", "KiB", memory, target=40, at_most=True)]
    for peer in [name for name in seen if name != "visor"]:
        theirs = [one[0] for one in seen[peer]]
        rows.append(Row(GROUP, "memory of an idle subscriber", "KiB", memory, peer, theirs))
    # A thousandth of a core is what can be told from nothing.
    work = f"CPU of {count:,} idle subscribers between keep-alives"
    rows.append(Row(GROUP, work, "ms/s more than without", cpu, target=1, at_most=True))
    return rows


def _idle(streams: Streams, count: int, seconds: float) -> tuple[float, float]:
    """KiB of memory for each, and milliseconds of CPU in a second for all."""
    served = streams.served
    with connected(streams, _FEW):
        time.sleep(seconds / 10)
        memory = served.memory
        without = _cpu_over(served.pids, seconds)
        with connected(streams, count):
            time.sleep(seconds / 10)
            taken = (served.memory - memory) / count / 1024
            return taken, max(_cpu_over(served.pids, seconds) - without, 0.0)


def _cpu_over(pids: list[int], seconds: float) -> float:
    """Milliseconds of CPU in a second."""
    before = cpu_seconds(pids)
    time.sleep(seconds)
    return (cpu_seconds(pids) - before) / seconds * 1e3
