"""A run comes to its end whatever becomes of the installation."""

import asyncio
import signal
from pathlib import Path

from tests.fault.faults.embedded_site import EmbeddedSite
from tests.fault.faults.site import Fault
from tests.fault.run import Plan, run
from tests.fault.traffic.crew import Crew
from tests.fault.visor_process import Launcher


def test_a_service_that_never_answers_again_is_complained_of(launcher: Launcher, tmp_path: Path) -> None:
    """It is neither waited for without end nor passed over."""
    site = EmbeddedSite(tmp_path, launcher)

    async def freeze(_: float) -> None:
        site.services[0].signal(signal.SIGSTOP)

    site.main = Fault("SIGSTOP for ever", freeze)
    done = asyncio.run(run(site, Plan(3, rate=50, period=3, others=False, settle=1)))
    said = [complaint.partition(":")[0] for complaint in done.evidence.complaints]
    assert "no write is taken any more" in said
    assert "not all can be read any more" in said
    assert done.evidence.told


def test_a_fault_that_is_not_over_in_time_is_complained_of(launcher: Launcher, tmp_path: Path) -> None:
    """As of an etcd that does not start again: all that can still be looked at is looked at."""
    site = EmbeddedSite(tmp_path, launcher)

    async def hang(_: float) -> None:
        await asyncio.sleep(60)

    site.main = Fault("a fault without end", hang)
    done = asyncio.run(run(site, Plan(4, rate=50, period=4, others=False, settle=4)))
    assert any("a fault without end" in said for said in done.evidence.complaints)
    assert done.evidence.last_rev > 0


class Reader:
    """Reads a rev in so many seconds; none of them ever where that is 0."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.reached, self._seconds = name, 0, seconds

    async def finish(self, rev: int) -> None:
        while self.reached < rev:
            await (asyncio.sleep(self._seconds) if self._seconds else asyncio.Event().wait())
            self.reached += 1


async def test_who_still_reads_is_waited_for_and_who_is_stuck_is_named() -> None:
    """At the end of a run, however slow the machine is: to need longer than others is no fault."""
    crew = Crew([1], rate=1, seed=1)
    crew.subscribers = [Reader("quick", 0.001), Reader("slow", 0.03), Reader("stuck", 0)]  # type: ignore[list-item]
    assert await crew.drain(20, seconds=0.3) == ["stuck (it is at rev 0)"]
    assert [one.reached for one in crew.subscribers] == [20, 20, 0]
