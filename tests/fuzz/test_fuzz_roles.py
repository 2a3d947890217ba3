"""With a token of each role, whatever is called: no fault of the service, and no byte of another tenant's.

`VISOR_FUZZ_EXAMPLES` is the number of random examples of each operation. The long form, with a report:
`python -m tests.fuzz --roles --examples 300`.
"""

import os
from collections import Counter
from pathlib import Path

from app.models.grants import Role
from tests.fuzz.schema_run import fuzzed, run
from tests.fuzz.two_tenants import CANARY, HIDDEN, SEE_ALL, TwoTenants, written_by

EXAMPLES = int(os.environ.get("VISOR_FUZZ_EXAMPLES", "1"))


def test_no_role_is_shown_a_byte_of_another_tenants(tmp_path: Path) -> None:
    with fuzzed("memory:") as service:
        tenants = TwoTenants.on(service)
        assert CANARY in service.get("/apps?limit=1000").text, "there is something to be shown"
        done = run(
            service.url,
            tmp_path / "calls.jsonl",
            examples=EXAMPLES,
            seed=1,
            phases=["fuzzing"],
            more=["--mode", "positive"],
            tenants=tenants,
        )
        assert written_by(service, tenants.other) <= SEE_ALL, "what is another's was changed"
        assert service.get("/readyz").status_code == 200
    assert done.passed, done.said
    assert done.by_role.keys() == set(Role), "each has called"
    told = sum((done.by_role[role] for role, hidden in HIDDEN.items() if hidden), Counter())
    assert any(status < 300 for status in told), "those that may not see all were shown something"
