"""Random commands against the service and a plain model of the contract: every answer is compared, at
the latest rev and at old ones, and the events have to make each state again.

It is the same run each time. `VISOR_MODEL_EXAMPLES` (of some hundred steps each) asks for another and
longer one, `VISOR_MODEL_SHRINK=1` for the shortest run that fails, which may take minutes to find.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, run_state_machine_as_test

from app.settings import Settings
from tests.model.comparing import Both
from tests.model.directory_rules import DirectoryRules
from tests.model.history_replay import compare_history, compare_lists, compare_rev
from tests.model.instance_rules import PLAIN, InstanceRules
from tests.model.platform_rules import PlatformRules
from tests.model.reading_rules import ReadingRules
from tests.serving import Service

EXAMPLES = int(os.environ.get("VISOR_MODEL_EXAMPLES", "0"))
SHRINK = bool(os.environ.get("VISOR_MODEL_SHRINK"))

BOUNDED = settings(
    max_examples=EXAMPLES or 6,
    stateful_step_count=120,
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
        self._directory = TemporaryDirectory()
        path = Path(self._directory.name, "visor.db")
        self.service = Service(
            Settings(
                store="memory:" if self.store == "memory" else f"sqlite:///{path}",
                history=self.history,
                memory_revs=3,
                log_level="error",
            )
        )
        self.both = Both(self.service, self.history)

    @initialize()
    def something_to_run(self) -> None:
        self.register_app("cat", {"cow": "moo"}, PLAIN)
        self.register_revision("cat", "r1", "https://archive.example.com/1", PLAIN)
        self.register_envset("cat", "e1", {}, PLAIN)
        self.register_proctype("cat", "web", None, PLAIN)

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
            self.service.stop()
            self._directory.cleanup()


@pytest.mark.parametrize("history", [5000, 40], ids=["all-kept", "compacted"])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_service_answers_as_the_model_of_the_contract_does(store: str, history: int) -> None:
    machine = type("Registry", (Registry,), {"store": store, "history": history})
    run_state_machine_as_test(machine, settings=BOUNDED)
