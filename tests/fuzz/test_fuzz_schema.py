"""The service does what its schema says, whatever it is called with.

`VISOR_FUZZ_EXAMPLES` is the number of random examples of each operation, and of walks along its links.
The long form, with a report: `python -m tests.fuzz --examples 1000 --store sqlite`.
"""

import os
from pathlib import Path

from tests.fuzz.schema_run import fuzzed, run
from tests.http.every_route import OPERATIONS

EXAMPLES = int(os.environ.get("VISOR_FUZZ_EXAMPLES", "3"))

SHORT = ("examples", "fuzzing", "stateful")
"""Without the coverage of each parameter's limits, which takes minutes: the long form has it."""


def test_every_operation_keeps_to_the_served_schema(tmp_path: Path) -> None:
    with fuzzed("memory:") as service:
        done = run(service.url, tmp_path / "calls.jsonl", examples=EXAMPLES, seed=1, phases=SHORT)
        assert service.get("/readyz").status_code == 200
    assert done.passed, done.said
    # Those of tokens and sessions are called too: the session of `every_route` has none.
    assert {f"{method} {path}" for method, path in OPERATIONS} - set(done.operations) == set(), done.said
