"""What a command does not need, it does not import: the short ones answer at once."""

import resource
import subprocess
import sys

import pytest

from app import __version__
from app.cli.tree import LISTED
from tests.cli.running import ENVIRONMENT, ROOT

HEAVY = {
    *("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "sse_starlette"),
    *("pydantic", "pydantic_settings", "apsw", "grpc", "google", "yaml", "prometheus_client", "aiodns"),
    *(
        "asyncio",
        "ssl",
        "httpx2",
        "tenacity",
        "visor_client",
        "http",
        "email",
        "importlib.metadata",
        "logging",
        "subprocess",
        "sqlite3",
    ),
    *("app.main", "app.settings", "app.server", "app.http", "app.routers", "app.store", "app.models"),
}

SHOW = """
import sys
from app.cli.main import main
try:
    main({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(" ".join(sys.modules))
"""


def imported(*arguments: str) -> tuple[str, set[str]]:
    """What a command prints, and every module that it has imported."""
    # -S: what this environment's own start imports (an editable install does) is not the command's.
    done = subprocess.run(
        [sys.executable, "-S", "-c", SHOW.format(arguments=list(arguments))],
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_a_short_answer_imports_next_to_nothing(arguments: list[str]) -> None:
    shown, modules = imported(*arguments)
    assert shown.startswith("visor " if arguments == ["--version"] else "usage: visor")
    assert modules & HEAVY == set()


def test_the_version_costs_less_than_150_ms_of_cpu() -> None:
    """With the interpreter's own start; what else runs on the machine costs none of it."""

    def cost() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "app.cli", "--version"], cwd=ROOT, env=ENVIRONMENT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cost() for _ in range(5)) < 0.15


def test_the_version_is_the_packages() -> None:
    assert imported("--version")[0] == f"visor {__version__}\n"


def test_every_command_is_in_the_help() -> None:
    shown, _ = imported("--help")
    for name, command in LISTED.items():
        assert name in shown
        assert command.help in shown
