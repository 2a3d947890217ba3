"""From a write's answer to the reading of its event, when there is little to do."""

from bench.fanout import SUBSCRIBERS
from bench.peers import visor
from bench.seeded import a_copy, file_of
from bench.serving import Stage
from bench.streams import frame_of, of_naive, of_raw, of_visor
from bench.table import Row
from bench.turns import Plan, by_turns

GROUP = "latency"
PACE = 10.0

# A server that answers the writer last makes the first of them 0; the third tells whether it is quicker.
FIGURES = {
    "p99": ("write answered to event read, p99", 3.0),
    "p50": ("write answered to event read, p50", None),
    "sent_p99": ("write sent to event read, p99", None),
}


def measure(plan: Plan) -> list[Row]:
    count = 20 if plan.quick else SUBSCRIBERS
    # Ten events a second want some seconds to have a 99th percentile; all subscribers see each.
    seconds = plan.seconds if plan.quick else max(plan.seconds, 5.0)
    with Stage(plan.directory) as stage:
        ours = of_visor(visor.on_file(stage, a_copy(stage, file_of(plan, 10, 1000))), 1)
        frame = frame_of(ours)
        raw, naive = of_raw(stage, frame, 1), of_naive(stage, frame, 1)
        everybody = {"visor": ours, "raw": raw, "naive": naive}
        seen = by_turns(
            plan, {name: each.measure(plan, count, 1, PACE, seconds) for name, each in everybody.items()}
        )
    rows = []
    for peer, streams in (("raw", raw), ("naive", naive)):
        for name, (work, target) in FIGURES.items():
            rows.append(
                Row(
                    GROUP,
                    f"{work}, {PACE:g} events/s, {count:,} subscribers",
                    "ms",
                    [getattr(one, name) for one in seen["visor"]],
                    streams.served.name,
                    [getattr(one, name) for one in seen[peer]],
                    target if peer == "raw" else None,
                    at_most=True,
                )
            )
    return rows
