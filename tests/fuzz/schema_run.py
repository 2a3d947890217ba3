"""Runs of Schemathesis, each a process of its own, against a service that is running, and what came of it."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2

from app.models.names import MAX_ENV_VALUE
from app.models.token import new_token
from tests.fuzz.two_tenants import TwoTenants
from tests.http.other_hands import STRANGE, write
from tests.serving import APP, Service, serving

_ROOT = Path(__file__).parents[2]

PHASES = ("examples", "coverage", "fuzzing", "stateful")

BY_ROLE = (
    "nothing_foreign_is_shown",
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "every_answer_has_a_rev",
    "frames_are_well_formed",
)
"""What is checked where calls are made with tokens that may do little: most of what is valid is refused."""

_WALKED = re.compile(r"^ +Scenarios: +(\d+)$", re.MULTILINE)

ADMIN = "visor_admin_0123456789abcdefghijklmnopqrstuvwxyz"
"""With none the service asks for none, and the schema says that it may."""

TOKEN_ID = "fuzzfuzzfuzz"
TOKEN = new_token(TOKEN_ID)
"""An admin's, and every host's: what an admin alone may not do is called too."""

FAST_STREAMS: dict[str, Any] = {"keep_alive": 0.05, "bookmark": 0.05}
"""Settings with which a stream soon says something, whoever reads it: three frames are read of each."""


OTHER_HANDS = {
    **dict.fromkeys(STRANGE, b"{not json"),
    "app/zzz": b'{"name":"zzz"}',
    "revision/cat,zzz": b"[]",
    "envset/cat,zzz": b"null",
    "proctype/cat,zzz": b'{"app":"cat","name":"zzz","port":"8000"}',
    "instance/0000000000000077777": b'{"id":77777,"status":"odd"}',
    "instance/0000000000000077778": b'{"ended":true}',
    "scale/cat,web,zzz,": b'{"app":"cat","target":-1}',
    "service/zzz": b"\xff",
    "endpoint/memcached,zzz": b"7",
    "runner/10.0.0.9:9000": b"{}",
    "member/pms,10.0.0.9": b'"x"',
}
"""What other hands have put there: beside what is asked for in every list."""


AT_THE_LIMIT = {f"{'k' * 200}{number}": "\u00e4" * (MAX_ENV_VALUE // 2) for number in range(14)}
"""Variables of 0.9 MB, each as long as one may be: in every list of apps, and in every snapshot."""


@contextmanager
def fuzzed(store: str, **settings: Any) -> Iterator[Service]:
    """A service to run against, in whose store are large values, and others have been at work too."""
    # One token asks for everything, as fast as it can.
    mine = {"admin_token_sha256": sha256(ADMIN.encode()).hexdigest(), "client_writes": 0}
    settings = {**FAST_STREAMS, **mine, **settings}
    with serving(store=store, log_level="error", **settings) as service:
        service.client.headers["Authorization"] = f"Bearer {ADMIN}"
        grants = [{"role": "admin"}, {"role": "host", "hosts": ["*"]}]
        token = {"name": "fuzz", "grants": grants, "sha256": sha256(TOKEN.encode()).hexdigest()}
        assert service.put(f"/tokens/{TOKEN_ID}", token).is_success
        service.client.headers["Authorization"] = f"Bearer {TOKEN}"
        write(service, OTHER_HANDS)
        service.made("/apps", {**APP, "name": "zlarge", "env": AT_THE_LIMIT})
        yield service


@dataclass
class Operation:
    """What was seen of one operation: calls by status, the slowest in seconds."""

    calls: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0


@dataclass
class Run:
    """`said` is what Schemathesis printed, but for walks that all passed; `operations` by method and path;
    `phases` counts calls; `walks` is how many there were along links."""

    passed: bool = True
    said: str = ""
    operations: dict[str, Operation] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)
    by_role: dict[str, Counter[int]] = field(default_factory=dict)
    walks: int = 0

    @property
    def never_succeeded(self) -> list[str]:
        """The operations of which no call was answered 2xx."""
        return sorted(
            name for name, one in self.operations.items() if not any(200 <= s < 300 for s in one.calls)
        )

    def table(self) -> str:
        """A line for each operation, and the sum."""
        width = max(map(len, self.operations), default=0)
        lines = [f"{'operation':{width}}  calls  slowest  statuses"]
        total: Counter[int] = Counter()
        for name, one in sorted(self.operations.items()):
            total += one.calls
            lines.append(
                f"{name:{width}}  {one.calls.total():5}  {one.slowest:6.3f}s  {_by_status(one.calls)}"
            )
        slowest = max((one.slowest for one in self.operations.values()), default=0.0)
        lines += [
            f"{len(self.operations)} operations, {total.total()} calls, slowest {slowest:.3f} s",
            f"statuses: {_by_status(total)}",
            "calls by phase: " + ", ".join(f"{name} {count}" for name, count in sorted(self.phases.items())),
            f"{self.walks} walks along links",
            *(f"as {role}: {_by_status(calls)}" for role, calls in sorted(self.by_role.items())),
            "no call answered 2xx: " + (", ".join(self.never_succeeded) or "none"),
        ]
        return "\n".join(lines)


def _by_status(calls: Counter[int]) -> str:
    return " ".join(f"{status}:{count}" for status, count in sorted(calls.items()))


def run(
    url: str,
    log: Path,
    *,
    examples: int,
    seed: int,
    phases: Sequence[str] = PHASES,
    more: Sequence[str] = (),
    tenants: TwoTenants | None = None,
) -> Run:
    """All operations of the schema that is served at the URL: every check, boundary values, so many random
    examples of each operation, and as many walks along its links. `log` is a file for the calls. With
    `tenants` each call is made with one of their tokens, and what it shows is looked at, more than what it
    does."""
    made = Run()
    if tenants:
        more = [*more, "--checks", ",".join(BY_ROLE)]
    command = ["--max-examples", str(examples), *more]
    if alone := [phase for phase in phases if phase != "stateful"]:
        made.said, made.passed = _schemathesis(
            url, log, seed, ["--phases", ",".join(alone), *command], tenants
        )
    # A walk is never the same twice, as the registry is not. Hypothesis, which wants to walk it again, ends
    # then, and passes: after some tens of a thousand. So it has to be asked again.
    while "stateful" in phases and made.walks < examples:
        said, passed = _schemathesis(url, log, seed + made.walks, ["--phases", "stateful", *command], tenants)
        walked = _WALKED.search(said)
        if not passed or walked is None:
            made.said, made.passed = made.said + said, False
            break
        made.walks += int(walked[1])
    for line in log.read_text().splitlines():
        call = json.loads(line)
        one = made.operations.setdefault(call["operation"], Operation())
        one.calls[call["status"]] += 1
        one.slowest = max(one.slowest, call["seconds"])
        made.phases[call["phase"]] += 1
        if call["role"]:
            made.by_role.setdefault(call["role"], Counter())[call["status"]] += 1
    return made


def _schemathesis(
    url: str, log: Path, seed: int, arguments: list[str], tenants: TwoTenants | None = None
) -> tuple[str, bool]:
    """What it prints, and whether all has passed."""
    asking = f"Bearer {TOKEN}"
    # As it is served. Schemathesis itself would wait 10 seconds for it, whatever the configuration says.
    schema = log.with_suffix(".openapi.json")
    schema.write_bytes(
        httpx2.get(f"{url}/openapi.json", headers={"Authorization": asking}, timeout=120).content
    )
    where = [str(schema), "--url", url]
    if not tenants:
        # A header that it is told of wins over that of a call: with tenants it is told of none.
        where += ["--header", f"Authorization: {asking}"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
            *("run", *where, "--seed", str(seed), "--no-color", "--no-shrink", *arguments),
        ],
        env={
            **os.environ,
            "VISOR_FUZZ_URL": url,
            "VISOR_FUZZ_CALLS": str(log),
            "VISOR_FUZZ_SEED": str(seed),
            "VISOR_FUZZ_TOKEN": TOKEN,
            "VISOR_FUZZ_ROLES": json.dumps(tenants.tokens if tenants else {}),
            "VISOR_FUZZ_OTHER": str(tenants.other) if tenants else "",
            "PYTHONPATH": str(_ROOT),
        },
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout, done.returncode == 0
