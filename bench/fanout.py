"""Events to many subscribers, written as fast as they are taken."""

from collections.abc import Sequence
from statistics import median

from bench.peers import visor
from bench.seeded import a_copy, file_of
from bench.serving import Stage
from bench.streams import Streams, frame_of, of_etcd, of_naive, of_nchan, of_raw, of_visor
from bench.subscribers import Delivered
from bench.table import Row, busy
from bench.turns import Plan, by_turns

GROUP = "fanout"
SUBSCRIBERS = 1000
WRITERS = 32
TARGETS = {"raw": 2.0, "naive": 8.0, "etcd": 1.0}


def measure(plan: Plan) -> list[Row]:
    count = 20 if plan.quick else SUBSCRIBERS
    with Stage(plan.directory) as stage:
        ours = of_visor(visor.on_file(stage, a_copy(stage, file_of(plan, 10, 1000))), WRITERS)
        frame = frame_of(ours)
        others: dict[str, Streams] = {
            "raw": of_raw(stage, frame, WRITERS),
            "naive": of_naive(stage, frame, WRITERS),
            "etcd": of_etcd(stage, frame, WRITERS),
        }
        nginx = of_nchan(stage, frame, WRITERS)
        if nginx is not None:
            others["nchan"] = nginx
        everybody = {"visor": ours, **others}
        seen = by_turns(plan, {name: each.measure(plan, count, WRITERS) for name, each in everybody.items()})
    work = f"fan-out of {len(frame)}-byte events to {count:,} subscribers"
    return [
        row_of_delivery(GROUP, work, seen["visor"], each.served.name, seen[name], TARGETS.get(name))
        for name, each in others.items()
    ]


def row_of_delivery(
    group: str,
    work: str,
    visor: Sequence[Delivered],
    peer: str,
    peers: Sequence[Delivered],
    target: float | None,
) -> Row:
    """A row of events delivered in a second."""
    cpu = (median(one.cpu_us for one in visor), median(one.cpu_us for one in peers))
    return Row(
        group,
        work,
        "events/s",
        [one.rate for one in visor],
        peer,
        [one.rate for one in peers],
        target,
        cpu=cpu,
        said=_missed(visor, "Visor") + _missed(peers, peer) + busy(visor, "Visor") + busy(peers, peer),
    )


def _missed(seen: Sequence[Delivered], name: str) -> str:
    missed = sum(one.missed for one in seen)
    return f"{name}: {missed:,} never came; " if missed else ""
