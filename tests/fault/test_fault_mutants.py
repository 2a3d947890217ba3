"""Every judge bites: a service with one deliberate defect is found out by the judge that is for it."""

import asyncio
from pathlib import Path

import pytest

from tests.fault.faults.embedded_site import EmbeddedSite
from tests.fault.judges.bench import JUDGES, hear
from tests.fault.judges.verdict import Verdict
from tests.fault.mutants import MUTANTS, Mutant
from tests.fault.run import Plan, run
from tests.fault.visor_process import Launcher

SECONDS = (3.0, 15.0)
"""Of traffic. A machine that is busy may not come to what shows a defect in the first."""

SOON = (1.5, 15.0)
"""The same where all the traffic is such as shows it."""


@pytest.mark.parametrize(
    "mutant",
    [mutant for mutant in MUTANTS.values() if mutant.judge],
    ids=lambda mutant: mutant.name.replace(" ", "-"),
)
def test_a_judge_finds_the_defect_that_it_is_for(mutant: Mutant, launcher: Launcher, tmp_path: Path) -> None:
    found: dict[str, Verdict] = {}
    for seconds in SOON if mutant.writers else SECONDS:
        if mutant.judge not in found:
            directory = tmp_path / f"{seconds}"
            directory.mkdir()
            site = EmbeddedSite(directory, launcher, mutant=mutant.name)
            plan = Plan(
                seconds, rate=250, period=1.5, kills=mutant.kills, others=False, writers=mutant.writers
            )
            done = asyncio.run(run(site, plan))
            found = {one.judge.name: one.verdict for one in hear(done.evidence) if not one.verdict.holds}
    assert mutant.judge in found, f"found by {sorted(found)} only"


def test_every_judge_has_a_mutant_or_says_why_not() -> None:
    """`history` and `replicas` look at what no patch of one process can break alone: what they catch is
    shown in `test_judges_of_history.py`."""
    assert {judge.name for judge in JUDGES} - {mutant.judge for mutant in MUTANTS.values()} == {
        "history",
        "replicas",
    }
