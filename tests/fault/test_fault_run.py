"""A run comes to its end whatever becomes of the installation."""

import asyncio
import signal
from pathlib import Path

from tests.fault.faults.embedded_site import EmbeddedSite
from tests.fault.faults.site import Fault
from tests.fault.run import Plan, run
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
