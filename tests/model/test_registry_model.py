"""Random commands against the service and a plain model of the contract: every answer is compared, at
the latest rev and at old ones, and the events have to make each state again.

It is the same run each time. `VISOR_MODEL_EXAMPLES` (of some hundred steps each) asks for another and
longer one, `VISOR_MODEL_SHRINK=1` for the shortest run that fails, which may take minutes to find.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from random import Random
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from app.settings import Settings
from tests.conftest import STORES
from tests.etcd.cluster import Cluster
from tests.model.choosing import any_command
from tests.model.comparing import Both
from tests.model.directory_rules import DirectoryRules
from tests.model.history_replay import compare_history, compare_lists, compare_rev
from tests.model.instance_rules import InstanceRules
from tests.model.platform_rules import PlatformRules
from tests.model.reading_rules import ReadingRules
from tests.model.upheaval_rules import UpheavalRules
from tests.serving import Service

EXAMPLES = int(os.environ.get("VISOR_MODEL_EXAMPLES", "0"))
SHRINK = bool(os.environ.get("VISOR_MODEL_SHRINK"))

BOUNDED = settings(
    stateful_step_count=200,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[phase for phase in Phase if SHRINK or phase not in (Phase.shrink, Phase.explain)],
    suppress_health_check=list(HealthCheck),
)


class Registry(
    PlatformRules, DirectoryRules, InstanceRules, ReadingRules, UpheavalRules, RuleBasedStateMachine
):
    """A service on the store, and the model."""

    store: ClassVar[str]
    history: ClassVar[int]
    etcd: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._seeds: Counter[int] = Counter()
        self._directory = TemporaryDirectory()
        path = self._directory.name
        urls = {"memory": "memory:", "sqlite": f"sqlite:///{path}/visor.db", "etcd": f"{self.etcd}{path}"}
        self.settings = Settings(
            store=urls[self.store], history=self.history, memory_revs=3, log_level="error"
        )
        self.visor = Service(self.settings)
        self.both = Both(self.visor, self.history)

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
                for back in (model.step, (model.rev - model.start) // 3, (model.rev - model.start) // 2):
                    compare_lists(self.both, max(model.rev - back, model.oldest, model.start, 1))
        finally:
            self.both.close()
            self.visor.stop()
            self._directory.cleanup()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An etcd that nobody else is on: it is compacted, and its revs have no gaps."""
    cluster = Cluster(tmp_path_factory.mktemp("model")).start()
    yield cluster
    cluster.stop()


HISTORIES = {"all-kept": 1_000_000, "compacted": 40}
CASES = [
    pytest.param(store, history, id=f"{store}-{name}")
    for store in STORES
    for name, history in HISTORIES.items()
    # There it is a task that compacts, now and then; here what is compacted on command.
    if store != "etcd" or name == "all-kept"
]


@pytest.mark.parametrize(("store", "history"), CASES)
def test_the_service_answers_as_the_model_of_the_contract_does(
    store: str, history: int, request: pytest.FixtureRequest
) -> None:
    etcd = ""
    if store == "etcd":
        own: Cluster = request.getfixturevalue("own")
        etcd = f"etcd://{own.endpoints[0]}"
    machine = type("Registry", (Registry,), {"store": store, "history": history, "etcd": etcd})
    examples = EXAMPLES or (4 if store == "etcd" else 8)
    run_state_machine_as_test(machine, settings=settings(BOUNDED, max_examples=examples))
