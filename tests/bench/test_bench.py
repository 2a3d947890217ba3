"""The bench runs: every peer is measured, every row and curve is there. What the figures are is no test's
business."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import GROUPS
from bench.peers import nchan
from bench.processes import tree

_ROOT = Path(__file__).parents[2]

# Two at a time: what a process waits for, the other computes.
HALVES = [GROUPS[:4], GROUPS[4:]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a smoke run of all groups has found, one for each group."""
    runs = []
    for half in HALVES:
        out = tmp_path_factory.mktemp("bench")
        command = [sys.executable, "-m", "bench", *half, "--quick", "--out", str(out)]
        process = subprocess.Popen(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        runs.append((out, process))
    found: list[dict[str, Any]] = []
    try:
        for out, process in runs:
            said, _ = process.communicate(timeout=240)
            assert process.returncode == 0, said
            found += json.loads((out / "table.json").read_text())
            assert not list(out.glob("run-*")), "nothing is left behind but results"
    finally:
        for _, process in runs:
            process.terminate()
            process.wait()
    return found


def test_each_group_has_its_figures(results: list[dict[str, Any]]) -> None:
    assert len(results) == len(GROUPS)
    for found in results:
        assert found["rows"] or found["curves"]


def test_each_peer_has_been_measured(results: list[dict[str, Any]]) -> None:
    rows = [row for found in results for row in found["rows"]]
    for row in rows:
        assert row["visor"]
        assert len(row["peers"]) == (len(row["visor"]) if row["peer"] else 0)
    # etcd's name has its version.
    peers = {(row["group"], "etcd" if "gateway" in row["peer"] else row["peer"]) for row in rows}
    raw, naive = "raw ASGI broadcaster", "naive sse-starlette"
    assert {
        *(("reads", "uvicorn alone"), ("reads", "FastAPI route"), ("reads", "etcd")),
        *(("lists", "etcd"), ("lists", "the same out of 1,000")),
        *(("writes", "FastAPI POST that does nothing"), ("writes", "etcd")),
        *(("fanout", raw), ("fanout", naive), ("fanout", "etcd")),
        *((("fanout", "nchan"),) if nchan.binary() else ()),
        *(("latency", raw), ("latency", naive), ("idle", raw), ("idle", naive)),
        ("frozen", "none frozen"),
        ("scale", "with 32 instances"),
        *(("access", "Visor without tokens"), ("access", raw)),
    } <= peers


def test_every_figure_that_was_asked_for_is_judged(results: list[dict[str, Any]]) -> None:
    judged = [row for found in results for row in found["rows"] if row["target"] is not None]
    assert {row["group"] for row in judged} == {
        "reads",
        "lists",
        "writes",
        "alone",
        "etcd",
        "fanout",
        "latency",
        "frozen",
        "idle",
        "scale",
        "access",
        "past",
    }
    assert all(row["reached"] in (True, False) for row in judged)


def test_no_event_of_the_fan_out_is_lost(results: list[dict[str, Any]]) -> None:
    """The figures are of events that came, each to each subscriber."""
    said = [row["said"] for found in results for row in found["rows"] if row["group"] == "fanout"]
    assert said
    assert not [one for one in said if "Visor" in one and "never came" in one]


def test_each_curve_is_drawn(results: list[dict[str, Any]]) -> None:
    curves = [curve for found in results for curve in found["curves"]]
    assert len(curves) == 9
    for curve in curves:
        assert all(len(line) == len(curve["x"]) for line in curve["lines"].values())


def test_nothing_outlives_a_bench_that_is_interrupted(tmp_path: Path) -> None:
    """Ctrl-C in the middle: every server has ended before the command has."""
    command = [sys.executable, "-m", "bench", "reads", "--quick", "--out", str(tmp_path)]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    started: list[int] = []
    until = time.monotonic() + 60
    # Visor and an etcd: by then it is in the middle of starting what there is.
    while len(started) < 2 and time.monotonic() < until:
        assert process.poll() is None, "the bench has ended by itself"
        started = tree(process.pid)[1:]
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert len(started) >= 2
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not list(tmp_path.glob("run-*"))
