"""The bench runs: every peer is measured, every row and curve is there. What the figures are is no test's
business."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import GROUPS
from bench.peers import nchan

_ROOT = Path(__file__).parents[2]

# Two at a time: what a process waits for, the other computes.
HALVES = [GROUPS[:3], GROUPS[3:]]


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
    expected = {
        "uvicorn alone",
        "FastAPI route",
        "FastAPI POST that does nothing",
        "etcd gateway",
        "raw ASGI broadcaster",
        "naive sse-starlette",
        *(["nchan"] if nchan.binary() else []),
    }
    # etcd's name has its version.
    peers = {row["peer"] if "gateway" not in row["peer"] else "etcd gateway" for row in rows}
    assert expected <= peers


def test_every_figure_that_was_asked_for_is_judged(results: list[dict[str, Any]]) -> None:
    judged = [row for found in results for row in found["rows"] if row["target"] is not None]
    assert {row["group"] for row in judged} == {
        "reads",
        "lists",
        "writes",
        "fanout",
        "latency",
        "idle",
        "scale",
    }
    assert all(row["reached"] in (True, False) for row in judged)


def test_no_event_of_the_fan_out_is_lost(results: list[dict[str, Any]]) -> None:
    """The figures are of events that came, each to each subscriber."""
    said = [row["said"] for found in results for row in found["rows"] if row["group"] == "fanout"]
    assert said
    assert not [one for one in said if "Visor" in one and "never came" in one]


def test_each_curve_is_drawn(results: list[dict[str, Any]]) -> None:
    curves = [curve for found in results for curve in found["curves"]]
    assert len(curves) == 8
    for curve in curves:
        assert all(len(line) == len(curve["x"]) for line in curve["lines"].values())
