"""Random commands against the service and a plain model of the contract: every answer is compared, at
the latest rev and at old ones, and the events have to make each state again.

It is the same run each time. `VISOR_MODEL_EXAMPLES` (of some hundred steps each) asks for another and
longer one, `VISOR_MODEL_SHRINK=1` for the shortest run that fails, which may take minutes to find.
"""

import os
import sys
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from app.settings import Settings
from tests.model.choosing import any_command
from tests.model.comparing import Both
from tests.model.directory_rules import DirectoryRules
from tests.model.history_replay import compare_history, compare_lists, compare_rev
from tests.model.instance_rules import InstanceRules
from tests.model.platform_rules import PlatformRules
from tests.model.reading_rules import ReadingRules
from tests.serving import Service

EXAMPLES = int(os.environ.get("VISOR_MODEL_EXAMPLES", "0"))
SHRINK = bool(os.environ.get("VISOR_MODEL_SHRINK"))

BOUNDED = settings(
    max_examples=EXAMPLES or 8,
    stateful_step_count=200,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[phase for phase in Phase if SHRINK or phase not in (Phase.shrink, Phase.explain)],
    suppress_health_check=list(HealthCheck),
)


class Registry(PlatformRules, DirectoryRules, InstanceRules, ReadingRules, RuleBasedStateMachine):
    """A service on the store, and the model."""

    store: ClassVar[str]
    history: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self._seeds: Counter[int] = Counter()
        self._directory = TemporaryDirectory()
        path = Path(self._directory.name, "visor.db")
        self._service = Service(
            Settings(
                store="memory:" if self.store == "memory" else f"sqlite:///{path}",
                history=self.history,
                memory_revs=3,
                log_level="error",
            )
        )
        self.both = Both(self._service, self.history)

    @initialize()
    def begin(self) -> None:
        self.something_to_run("cat")

    @rule(seed=st.integers(0, 2**32))
    def step(self, seed: int) -> None:
        """One of the commands. By chance and not by strategies: Hypothesis likes what is small and what
        it has done before, and a platform is interesting when it is busy."""
        self._seeds[seed] += 1
        any_command(self, Random(f"{self.store} {self.history} {seed} {self._seeds[seed]}"))

    def teardown(self) -> None:
        try:
            model = self.both.model
            # Not where a step has failed: that says it all.
            if sys.exc_info()[0] is None:
                compare_rev(self.both)
                compare_history(self.both, limit=7)
                compare_lists(self.both, None)
                for back in (1, model.rev // 3, model.rev // 2):
                    compare_lists(self.both, max(model.rev - back, model.oldest, 1))
        finally:
            self.both.close()
            self._service.stop()
            self._directory.cleanup()


@pytest.mark.parametrize("history", [5000, 40], ids=["all-kept", "compacted"])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_service_answers_as_the_model_of_the_contract_does(store: str, history: int) -> None:
    machine = type("Registry", (Registry,), {"store": store, "history": history})
    run_state_machine_as_test(machine, settings=BOUNDED)
