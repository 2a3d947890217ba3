"""The command: `python -m bench [GROUP..]`."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from bench import (
    access,
    alone,
    etcd_writes,
    fanout,
    frozen,
    growth,
    idle,
    latency,
    lists,
    past,
    reads,
    scale,
    writes,
)
from bench.curves import Curve
from bench.machine import this_machine
from bench.processes import Pinning
from bench.results import Results, keep
from bench.table import Row, markdown, number
from bench.turns import Plan

ROWS: dict[str, Callable[[Plan], list[Row]]] = {
    reads.GROUP: reads.measure,
    lists.GROUP: lists.measure,
    writes.GROUP: writes.measure,
    alone.GROUP: alone.measure,
    fanout.GROUP: fanout.measure,
    latency.GROUP: latency.measure,
    frozen.GROUP: frozen.measure,
    idle.GROUP: idle.measure,
    scale.GROUP: scale.measure,
    access.GROUP: access.measure,
    past.GROUP: past.measure,
}
CURVES: dict[str, Callable[[Plan], growth.Found]] = {
    etcd_writes.GROUP: etcd_writes.measure,
    growth.OBJECTS: growth.objects,
    growth.REVS: growth.revs,
    growth.SUBSCRIBERS: growth.subscribers,
}
GROUPS = [*ROWS, *CURVES]
MANY = {"all": GROUPS, "growth": [growth.OBJECTS, growth.REVS, growth.SUBSCRIBERS]}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Visor beside its peers.")
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"{', '.join([*GROUPS, *MANY])} (the default is all)",
        default=["all"],
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement (3)")
    parser.add_argument("--repeat", type=int, default=5, help="turns (5)")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="where the table is written")
    parser.add_argument("--quick", action="store_true", help="a smoke test: its figures mean nothing")
    parser.add_argument("--publish", type=Path, metavar="PAGE", help="put the table into this page, too")
    given = parser.parse_args(argv)
    wanted = [one for name in given.groups for one in MANY.get(name, [name])]
    if unknown := set(wanted) - set(GROUPS):
        parser.error(f"there is no group {', '.join(sorted(unknown))}")
    # Ctrl-C too: a shell that runs this in the background has had it ignored.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _on_signal)
    try:
        return _run(wanted, given)
    except KeyboardInterrupt:
        return 130


def _run(wanted: Sequence[str], given: argparse.Namespace) -> int:
    given.out.mkdir(parents=True, exist_ok=True)
    stores = given.out / "stores"
    stores.mkdir(exist_ok=True)
    machine = this_machine()
    _say(*machine.lines())
    # Beside the results, and not in a /tmp that may be no disk: what is synced has to be.
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=given.out)).resolve()
    Pinning.wanted = not given.quick
    seconds, repeat = (0.1, 1) if given.quick else (given.seconds, given.repeat)
    plan = Plan(seconds, repeat, given.quick, directory, stores.resolve())
    try:
        for name in wanted:
            rows, curves = CURVES[name](plan) if name in CURVES else (ROWS[name](plan), [])
            _say("", f"{name}:", markdown(rows) if rows else "", *map(_told, curves))
            # At once: what comes later may fail.
            keep(given.out, name, machine, rows, curves)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    results = Results(given.out, GROUPS)
    results.write(given.out)
    if given.publish:
        results.publish(given.publish)
    _say(f"{given.out}/table.md has the table of all that is measured in {given.out}")
    return 0


def _told(curve: Curve) -> str:
    lines = [f"  {label}: {', '.join(map(number, values))}" for label, values in curve.lines.items()]
    return "\n".join([f"{curve.title} ({curve.y_label}) at {', '.join(map(str, curve.x))}:", *lines])


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _on_signal(number: int, frame: FrameType | None) -> None:
    # Everything that was started is ended on the way out.
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
