"""The command: `python -m bench [GROUP..]`."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from bench import fanout, idle, latency, lists, reads, table, writes
from bench.machine import this_machine
from bench.table import Row
from bench.turns import Plan

GROUPS: dict[str, Callable[[Plan], list[Row]]] = {
    reads.GROUP: reads.measure,
    lists.GROUP: lists.measure,
    writes.GROUP: writes.measure,
    fanout.GROUP: fanout.measure,
    latency.GROUP: latency.measure,
    idle.GROUP: idle.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Visor beside its peers.")
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"{', '.join(GROUPS)}, or all (the default)",
        default=["all"],
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement (3)")
    parser.add_argument("--repeat", type=int, default=5, help="turns (5)")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="where the table is written")
    parser.add_argument("--quick", action="store_true", help="a smoke test: its figures mean nothing")
    given = parser.parse_args(argv)
    wanted = list(GROUPS) if "all" in given.groups else given.groups
    if unknown := set(wanted) - set(GROUPS):
        parser.error(f"there is no group {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, _on_signal)
    return _run(wanted, given)


def _run(wanted: Sequence[str], given: argparse.Namespace) -> int:
    given.out.mkdir(parents=True, exist_ok=True)
    stores = given.out / "stores"
    stores.mkdir(exist_ok=True)
    machine = this_machine()
    _say(*machine.lines())
    # Beside the results, and not in a /tmp that may be no disk: what is synced has to be.
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=given.out)).resolve()
    seconds, repeat = (0.3, 1) if given.quick else (given.seconds, given.repeat)
    plan = Plan(seconds, repeat, given.quick, directory, stores.resolve())
    rows: list[Row] = []
    try:
        for name in wanted:
            found = GROUPS[name](plan)
            rows += found
            _say("", f"{name}:", table.markdown(found))
            (given.out / f"{name}.md").write_text(table.markdown(found))
            (given.out / f"{name}.json").write_text(table.as_json(machine, found, []))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _on_signal(number: int, frame: FrameType | None) -> None:
    # As Ctrl-C does: everything that was started is ended on the way out.
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
