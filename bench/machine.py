"""What a run ran on: a ratio means little without it, a figure nothing."""

import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.peers import nchan
from bench.processes import ALL, LOAD, SERVER
from tests.etcd import cluster

_PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "sse-starlette", "apsw", "grpcio")


@dataclass(frozen=True, slots=True)
class Machine:
    at: str
    commit: str
    processor: str
    cores: int
    kernel: str
    python: str
    packages: dict[str, str]
    etcd: str
    nchan: str

    def lines(self) -> list[str]:
        """For people."""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return [
            f"{self.at}, commit {self.commit}",
            f"{self.processor}, {self.cores} cores, Linux {self.kernel}",
            f"Python {self.python}, {packages}",
            f"etcd {self.etcd}, nchan {self.nchan}",
            f"servers on core {min(SERVER)}, load on core {min(LOAD)}",
        ]


def this_machine() -> Machine:
    return Machine(
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=_commit(),
        processor=_processor(),
        cores=len(ALL),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: version(name) for name in _PACKAGES},
        etcd=".".join(map(str, cluster.version())),
        nchan="installed" if nchan.binary() else "not installed",
    )


def _commit() -> str:
    """Of this tree, with `+` where it has changes."""
    root = Path(__file__).parents[1]
    said = []
    for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        done = subprocess.run(["git", "-C", root, *command], capture_output=True, text=True, check=False)
        said.append(done.stdout.strip())
    return (said[0] or "unknown") + ("+" if said[1] else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
