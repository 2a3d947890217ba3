"""The `visor` command as a process."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("VISOR_")}


def started(*arguments: str | Path, **more: Any) -> "subprocess.Popen[bytes]":
    """The command, running."""
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, **more)


def ended(*arguments: str | Path, **more: Any) -> "subprocess.CompletedProcess[bytes]":
    """The command, run to its end."""
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False, **more)


def refused(*arguments: str | Path, **more: Any) -> str:
    """The one line with which the command refuses to run."""
    done = ended(*arguments, **more)
    assert done.returncode == 1, done
    assert done.stderr.startswith(b"visor: ")
    assert done.stderr.count(b"\n") == 1, done.stderr
    assert done.stdout == b""
    return done.stderr.decode()


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
