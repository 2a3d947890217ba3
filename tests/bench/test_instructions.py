"""The instructions of an answer are counted by callgrind: what it writes down is read, and where there is no
valgrind that is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import instructions

_DUMP = """# callgrind format
version: 1
events: Ir
fn=(1) main
12 400
totals: 400
part: 2
summary: 1200
fn=(2) thread
totals: 800
"""


def test_all_that_callgrind_counted_is_added_up() -> None:
    assert instructions.totals(_DUMP) == 1200


def test_the_table_says_how_much_of_an_answer_uvicorn_alone_would_take() -> None:
    table = instructions.lines({"uvicorn alone": 100_000, "GET /apps/{app}, memory:": 250_000})
    assert table[-1] == "| GET /apps/{app}, memory: | 250,000 | 0.40 |"


def test_a_machine_without_valgrind_is_told_what_is_missing(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "bench.instructions", "uvicorn"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == instructions.MISSING
    assert "install valgrind" in found.stderr


@pytest.mark.skipif("VISOR_TEST_VALGRIND" not in os.environ, reason="takes a minute: VISOR_TEST_VALGRIND=1")
@pytest.mark.skipif(bool(instructions.missing()), reason="there is no valgrind")
def test_an_answer_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer of uvicorn alone takes some hundred thousand instructions, on any machine."""
    assert instructions.main(["uvicorn", "--rounds", "5"]) == 0
    number = int(capsys.readouterr().out.splitlines()[-1].split("|")[2].replace(",", ""))
    assert 20_000 < number < 2_000_000
