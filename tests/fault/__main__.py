"""The fault suite as a command: `python -m tests.fault --store sqlite --minutes 20`.

Starts an installation, keeps it under traffic while it is hurt, and has the judges look at all that was
seen. Exits with 1 where a promise is broken, with 2 where the run does not count, with 3 where etcd's members
do not have the same data: then nothing can be said of who stands on them.
"""

import argparse
import asyncio
import gc
import json
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

import uvloop

from tests.etcd.namespaces import join_switch, machines
from tests.fault.faults.cluster_site import MEMBERS, REPLICAS, ClusterSite
from tests.fault.faults.embedded_site import EmbeddedSite
from tests.fault.faults.site import Site
from tests.fault.judges.bench import hear
from tests.fault.machine_time import Spent, cpu_seconds, share_of_others, speed
from tests.fault.mutants import MUTANTS
from tests.fault.report import Machine, figures, page
from tests.fault.run import Plan, Run, run
from tests.fault.visor_process import Launcher

RATES = {"sqlite": 200.0, "etcd": 300.0}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__.partition("\n")[0])
    parser.add_argument("--store", choices=["sqlite", "etcd"], required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, help=f"writes offered by second (default: {RATES})")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--period", type=float, default=5, help="seconds from one kill to the next")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="a defect that the service is to have")
    parser.add_argument(
        "--report", type=Path, help="where to write the page; the figures go beside it, as JSON"
    )
    return parser.parse_args()


def _run(arguments: argparse.Namespace, plan: Plan, directory: Path) -> Run:
    with ExitStack() as stack:
        if arguments.store == "etcd":
            # Before anything is started: what this thread starts is on the switch, too.
            network = stack.enter_context(machines(MEMBERS + REPLICAS))
            join_switch(network)
        launcher = stack.enter_context(closing(Launcher()))
        site: Site
        if arguments.store == "etcd":
            site = ClusterSite(directory, launcher, network, mutant=arguments.mutant)
        else:
            site = EmbeddedSite(directory, launcher, mutant=arguments.mutant)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(site, plan))


def main() -> int:
    arguments = _arguments()
    rate = arguments.rate or RATES[arguments.store]
    plan = Plan(arguments.minutes * 60, rate, arguments.period, arguments.seed)
    # Millions of small objects that all stay: to look through them again and again is of no use.
    gc.disable()
    fast = speed()
    before = Spent.now()
    with tempfile.TemporaryDirectory(prefix="visor-fault-") as directory:
        done = _run(arguments, plan, Path(directory))
    after = Spent.now()
    machine = Machine(cpu_seconds(before, after), share_of_others(before, after), (fast + speed()) / 2)
    said = figures(done, hear(done.evidence), arguments.store, machine)
    text = page(said)
    sys.stdout.write(text)
    if arguments.report is not None:
        arguments.report.write_text(text)
        arguments.report.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n")
    if said["below"]:
        return 3
    if not said["holds"]:
        return 1
    return 2 if said["short_of"] else 0


if __name__ == "__main__":
    sys.exit(main())
