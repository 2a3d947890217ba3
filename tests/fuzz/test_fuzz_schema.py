"""The service does what its schema says, whatever it is called with.

`VISOR_FUZZ_EXAMPLES` is the number of random examples of each operation, and of walks along its links.
The long form, with a report: `python -m tests.fuzz --examples 1000 --store sqlite`.
"""

import os
from pathlib import Path

from tests.fuzz.schema_run import fuzzed, run
from tests.http.every_route import OPERATIONS

EXAMPLES = int(os.environ.get("VISOR_FUZZ_EXAMPLES", "3"))


def test_every_operation_keeps_to_the_served_schema(tmp_path: Path) -> None:
    with fuzzed("memory:") as service:
        done = run(service.url, tmp_path / "calls.jsonl", examples=EXAMPLES, seed=1)
        assert service.get("/readyz").status_code == 200
    assert done.passed, done.said
    called = set(done.operations)
    assert called == {f"{method} {path}" for method, path in OPERATIONS}, done.said
