"""Random commands against the service and a plain model of the contract: every answer is compared, at
the latest rev and at old ones, and the events have to make each state again.

It is the same run each time. `VISOR_MODEL_EXAMPLES` (of some hundred steps each) asks for another and
longer one; Hypothesis prints what reproduces a failure.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, run_state_machine_as_test

from app.settings import Settings
from tests.model.comparing import Both
from tests.model.directory_rules import DirectoryRules
from tests.model.history_replay import compare_history, compare_lists, compare_rev
from tests.model.instance_rules import InstanceRules
from tests.model.platform_rules import PlatformRules
from tests.model.reading_rules import ReadingRules
from tests.serving import Service

EXAMPLES = int(os.environ.get("VISOR_MODEL_EXAMPLES", "0"))

BOUNDED = settings(
    max_examples=EXAMPLES or 6,
    stateful_step_count=120,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,
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
        self.register_app("cat", {"cow": "moo"}, "", None, None)
        self.register_revision("cat", "r1", "https://archive.example.com/1", "", None, None)
        self.register_envset("cat", "e1", {}, "", None)
        self.register_proctype("cat", "web", None, "", None)

    def teardown(self) -> None:
        try:
            model = self.both.model
            if model.rev:  # else the machine was built only to be looked at
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
