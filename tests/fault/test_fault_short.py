"""The fault suite in its short form: the same command, for some seconds, on each store."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

needs_network = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2"
)


def _run(report: Path, *args: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "tests.fault", "--report", str(report), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    figures = report.with_suffix(".json")
    assert figures.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(figures.read_text())


def _run_on_a_cluster(directory: Path, *args: str) -> tuple[int, Any]:
    """The etcd that is easiest to install can lose data when it is killed, which the run finds out and ends
    with 3: another one, then."""
    for seed in ("1", "2", "3"):
        status, said = _run(directory / f"{seed}.md", "--store", "etcd", "--seed", seed, *args)
        if status != 3:
            break
    return status, said


def _holds(said: Any, kills: int) -> None:
    broken = {name: one["counterexamples"] for name, one in said["judges"].items() if one["counterexamples"]}
    assert said["holds"], (broken, said["complaints"], said["below"])
    assert sum(said["kills"].values()) >= kills
    idle = {name for name, one in said["judges"].items() if not one["checked"]}
    assert not idle - {"replicas"}, f"{idle} saw nothing"


def test_the_embedded_store_keeps_its_promises_while_its_service_is_killed(tmp_path: Path) -> None:
    status, said = _run(tmp_path / "report.md", "--store", "sqlite", "--minutes", "0.35", "--period", "1.2")
    _holds(said, kills=12)
    # A run that is too slow to count (2) has still to keep every promise.
    assert status in (0, 2)


@needs_network
def test_a_cluster_keeps_its_promises_while_leaders_die_and_networks_are_cut(tmp_path: Path) -> None:
    status, said = _run_on_a_cluster(tmp_path, "--minutes", "0.55", "--period", "3.2")
    _holds(said, kills=8)
    assert said["judges"]["replicas"]["checked"]
    assert status in (0, 2)


@needs_network
def test_a_replica_that_does_not_ask_the_cluster_is_found_out(tmp_path: Path) -> None:
    """The mutant that shows on a cluster alone."""
    status, said = _run_on_a_cluster(
        tmp_path, "--minutes", "0.15", "--period", "4", "--mutant", "stale read passed as fresh"
    )
    assert status == 1
    assert said["judges"]["linearizable"]["violations"]
