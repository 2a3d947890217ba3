"""Nothing that is asked keeps the event loop for long: measured by the CPU of its thread, so that a slow or a
busy machine fails nothing. The bound is generous; the figures are in docs/performance.md."""

import json

import pytest

from bench import stalls

BOUND_MS = 150


def test_no_turn_of_the_loop_is_long_whatever_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Before: 37 s for 40 snapshots, 0.6 s for the first look at the events, for the schema, for a body of
    60,000 fields."""
    assert stalls.main(["--apps", "12", "--instances", "2000", "--revs", "6000", "--quick"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) > 25
    assert [line for line in lines if line["longest_turn_ms"] > BOUND_MS] == []
