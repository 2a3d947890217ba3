"""The long form: `python -m tests.fuzz --examples 1000 --store memory|sqlite|etcd [--roles]`.

Prints a report, and ends with 1 where a check has failed or a call took more than two seconds. The report
names the operations of which no call succeeded: of them little was seen.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.etcd.cluster import Cluster
from tests.fuzz.schema_run import PHASES, fuzzed, run
from tests.fuzz.two_tenants import SEE_ALL, TwoTenants, written_by

SLOW = 2.0


@contextmanager
def _store(kind: str, directory: Path) -> Iterator[str]:
    """The URL of an empty store of this kind."""
    if kind == "etcd":
        cluster = Cluster(directory).start()
        try:
            yield f"etcd://{cluster.endpoints[0]}/fuzz"
        finally:
            cluster.stop()
    else:
        yield "memory:" if kind == "memory" else f"sqlite:///{directory}/visor.db"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="of each operation")
    parser.add_argument("--store", choices=["memory", "sqlite", "etcd"], default="sqlite")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--include-path", action="append", default=[], help="only this one: /apps/{app}")
    parser.add_argument(
        "--phases",
        type=lambda given: given.split(","),
        default=PHASES,
        help="only these: fuzzing,stateful",
    )
    parser.add_argument(
        "--roles",
        action="store_true",
        help="with tokens of all roles, beside another tenant: no foreign byte",
    )
    args = parser.parse_args()
    more = ["--max-response-time", str(SLOW)]
    for path in args.include_path:
        more += ["--include-path", path]
    began = time.monotonic()
    with (
        TemporaryDirectory() as directory,
        _store(args.store, Path(directory)) as store,
        fuzzed(store) as service,
    ):
        tenants = TwoTenants.on(service) if args.roles else None
        done = run(
            service.url,
            Path(directory, "calls.jsonl"),
            examples=args.examples,
            seed=args.seed,
            phases=args.phases,
            more=more,
            tenants=tenants,
        )
        writers = written_by(service, tenants.other) - SEE_ALL if tenants else set()
        rev = service.rev
    print(done.said, done.table(), sep="\n")  # noqa: T201
    print(f"store {args.store}, rev {rev} at the end, seed {args.seed}, {time.monotonic() - began:.0f} s")  # noqa: T201
    if writers:
        print(f"what is another's was changed by {', '.join(sorted(writers))}")  # noqa: T201
    return 0 if done.passed and not writers else 1


if __name__ == "__main__":
    sys.exit(main())
