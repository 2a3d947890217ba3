"""The fault suite in its short form: the same command, for some seconds, on each store.

Every promise is judged, however slow the run is. A run that is too slow to count fails, unless others
took the machine from it: then it is skipped, and says so.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.store.etcd.revs import rev_of
from tests.fault.machine_time import SHARE, Spent, share_of_others, speed
from tests.fault.report import (
    LEAST_IN_TRANSACTION,
    LEAST_OF_CPU,
    LEAST_RATE,
    commits_in_transactions,
    short_of,
)

LEAST_OF_SHORT = 10
"""Acknowledged writes/s below which a short run has not tried what it is for."""

needs_network = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2"
)


def _run(report: Path, *args: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "tests.fault", "--report", str(report), *args]
    before = Spent.now()
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    figures = report.with_suffix(".json")
    assert figures.exists(), done.stdout + done.stderr
    said = json.loads(figures.read_text())
    return done.returncode, {**said, "others": share_of_others(before, Spent.now())}


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
    idle = {name for name, one in said["judges"].items() if not one["checked"]}
    assert not idle - {"replicas"}, f"{idle} saw nothing"
    # The rates that a run of minutes has to reach are for a machine of its own: here other tests run too.
    rate = said["writes"]["acknowledged_per_s"]
    short = [] if rate >= LEAST_OF_SHORT else [f"{rate} acknowledged writes/s: {LEAST_OF_SHORT} are wanted"]
    grouped = said["writes"]["in_a_transaction"]
    if grouped is not None and grouped["most"] < LEAST_IN_TRANSACTION:
        short.append(f"{grouped['most']} writes in a transaction: {LEAST_IN_TRANSACTION} are wanted")
    if (done := sum(said["kills"].values())) < kills:
        short.append(f"{done} kills: {kills} are wanted")
    _counts(short, said["others"])


def _counts(short: list[str], others: float) -> None:
    """The run was fast enough, where its speed can be judged at all."""
    if short and others > SHARE:
        pytest.skip(f"every promise held, but others took {others:.0%} of the machine: {'; '.join(short)}")
    assert not short, f"it is slow by itself, others took {others:.0%} of the machine: {short}"


def test_a_slow_run_fails_where_nobody_else_used_the_machine() -> None:
    _counts([], 0.9)
    with pytest.raises(AssertionError, match="slow by itself"):
        _counts(["3 acknowledged writes/s"], 0.1)
    with pytest.raises(pytest.skip.Exception, match="every promise held"):
        _counts(["3 acknowledged writes/s"], 0.9)


def test_the_speed_of_a_run_is_judged_by_processor_time_where_others_had_the_machine() -> None:
    least = LEAST_RATE["etcd"]
    said = _of_etcd(least - 1, LEAST_OF_CPU["etcd"])
    assert short_of(said, kills=9, seconds=60, ours=False) == []
    [slow] = short_of(said, kills=9, seconds=60, ours=True)
    assert slow == f"{least - 1} acknowledged writes/s: {least} are wanted"
    for ours in (False, True):
        said = _of_etcd(least, LEAST_OF_CPU["etcd"] - 1)
        assert "processor time" in short_of(said, kills=9, seconds=60, ours=ours)[0]


def test_the_speed_of_a_run_is_held_against_what_the_machine_can_do_in_the_same_run() -> None:
    """A processor of half the speed has half as much to do; one of twice the speed is offered no more."""
    least, of_cpu = LEAST_RATE["etcd"], LEAST_OF_CPU["etcd"]
    assert short_of(_of_etcd(least / 2, of_cpu / 2, speed=0.5), kills=9, seconds=60, ours=True) == []
    assert len(short_of(_of_etcd(least / 2, of_cpu / 2, speed=0.6), kills=9, seconds=60, ours=True)) == 2
    assert short_of(_of_etcd(least, of_cpu, speed=2.0), kills=9, seconds=60, ours=True) == []
    assert 0.02 < speed(0.05) < 50


def test_a_run_on_etcd_counts_only_where_writes_that_wait_share_a_transaction() -> None:
    """Whatever the machine can do: without groups the largest transaction has one commit."""
    fast = LEAST_RATE["etcd"], LEAST_OF_CPU["etcd"]
    assert short_of(_of_etcd(*fast), kills=9, seconds=60, ours=True) == []
    [single] = short_of(_of_etcd(*fast, most=1), kills=9, seconds=60, ours=False)
    assert single == f"1 commits in the largest transaction: {LEAST_IN_TRANSACTION} are wanted"


def test_the_commits_of_a_transaction_are_counted_by_their_revs() -> None:
    """What others put has index 0, and is none of ours; a commit of two events is one."""
    ours = [rev_of(5, 1), rev_of(5, 1), rev_of(5, 2), rev_of(5, 3), rev_of(7, 1), rev_of(8)]
    assert commits_in_transactions(ours) == {"mean": 2.0, "most": 3}
    assert commits_in_transactions([]) == {"mean": 0, "most": 0}


def _of_etcd(by_second: float, by_cpu: float, speed: float = 1.0, most: int = LEAST_IN_TRANSACTION) -> Any:
    return {
        "store": "etcd",
        "writes": {"acknowledged_per_s": by_second, "in_a_transaction": {"most": most}},
        "machine": {"acknowledged_per_cpu_s": by_cpu, "speed": speed},
    }


def test_the_time_of_ended_children_is_no_time_of_others() -> None:
    """A child that uses a processor for all of its life; whatever else the machine did is not its."""
    before = Spent.now()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 1: pass"], check=True)
    after = Spent.now()
    assert after.ours - before.ours >= 90
    assert after.used - before.used >= 90
    assert share_of_others(Spent(0, 0, 0), Spent(200, 100, 100)) == 0
    assert share_of_others(Spent(0, 0, 0), Spent(200, 150, 50)) == 0.5


def test_the_embedded_store_keeps_its_promises_while_its_service_is_killed(tmp_path: Path) -> None:
    status, said = _run(tmp_path / "report.md", "--store", "sqlite", "--minutes", "0.35", "--period", "1.2")
    assert status in (0, 2), said
    _holds(said, kills=12)


@needs_network
def test_a_cluster_keeps_its_promises_while_leaders_die_and_networks_are_cut(tmp_path: Path) -> None:
    status, said = _run_on_a_cluster(tmp_path, "--minutes", "0.55", "--period", "3.2")
    assert status in (0, 2), said
    assert said["judges"]["replicas"]["checked"]
    _holds(said, kills=8)


@needs_network
def test_a_replica_that_does_not_ask_the_cluster_is_found_out(tmp_path: Path) -> None:
    """The mutant that shows on a cluster alone."""
    status, said = _run_on_a_cluster(
        tmp_path, "--minutes", "0.15", "--period", "4", "--mutant", "stale read passed as fresh"
    )
    assert status == 1
    assert said["judges"]["linearizable"]["violations"]
