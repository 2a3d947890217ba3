"""The measure of pauses says something of each kind of work."""

import json
from pathlib import Path

import pytest

from bench import pauses
from bench.seeding import seed


def test_each_work_has_a_line_of_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(tmp_path / "visor.db", apps=10, instances=20, revs=300)
    assert pauses.main([str(tmp_path / "visor.db"), "--seconds", "0.05"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["while"].partition(",")[0].partition(" at rev")[0] for line in lines] == [
        "nothing",
        "writes",
        "1",
        "an app",
        "1",
        "an app's instances",
    ]
    assert all(line["itself"]["calls"] > 0 for line in lines[1:])
    assert all(line["reads"]["calls"] > 0 for line in lines)
