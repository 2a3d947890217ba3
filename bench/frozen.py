"""What subscribers that have stopped reading cost those that read: the lateness of events with them and
without."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.connection import request
from bench.peers import visor
from bench.seeded import a_copy, file_of
from bench.seeding import app_name
from bench.serving import Stage
from bench.streams import Streams, connected, of_visor
from bench.subscribers import Delivered
from bench.table import Row
from bench.turns import Plan, by_turns

GROUP = "frozen"
READERS, FROZEN = 150, 50
PACE = 10.0
_BIG = 60_000
_FILL = 120
"""Large events that fill what the kernel holds of a connection, several megabytes, and Visor's part too."""


def measure(plan: Plan) -> list[Row]:
    readers, frozen = (15, 5) if plan.quick else (READERS, FROZEN)
    seconds = plan.seconds if plan.quick else max(plan.seconds, 5.0)
    with Stage(plan.directory) as stage:
        everything = of_visor(visor.on_file(stage, a_copy(stage, file_of(plan, 10, 1000))), 1)
        # Those that read want the small events, which come between the large ones.
        small = request("GET", "/events?type=member-*", None, "Accept: text/event-stream")
        reading = replace(everything, subscribe=small)

        def among(count: int) -> Callable[[], Delivered]:
            listen = reading.measure(plan, readers, 1, PACE, seconds)

            def run() -> Delivered:
                with connected(everything, count), _large_events(everything):
                    return listen()

            return run

        seen = by_turns(plan, {"frozen": among(frozen), "none": among(0)})
    return [
        Row(
            GROUP,
            f"write answered to event read, {name}, {readers} subscribers, {frozen} more frozen",
            "ms",
            [getattr(one, name) for one in seen["frozen"]],
            "none frozen",
            [getattr(one, name) for one in seen["none"]],
            2.0,
            at_most=True,
        )
        for name in ("p99", "p50")
    ]


@contextmanager
def _large_events(streams: Streams) -> Iterator[None]:
    """Large events: as many as fill the frozen ones' buffers, then some each second."""
    stopped = threading.Event()

    def write() -> None:
        # Another value each time: the same again would be no event.
        value = f"{time.monotonic_ns()} {'x' * _BIG}"
        visor.call(streams.served, "PUT", f"/apps/{app_name(0)}/env/BIG", {"value": value})

    def write_on() -> None:
        while not stopped.wait(1 / PACE):
            write()

    writing = threading.Thread(target=write_on)
    try:
        for _ in range(_FILL):
            write()
        writing.start()
        yield
    finally:
        stopped.set()
        if writing.ident is not None:
            writing.join()
