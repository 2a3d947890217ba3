"""The soak in short, and its judge on memory that is made up."""

import asyncio
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.fault.soak import Soak, is_flat, report
from tests.fault.visor_process import Launcher, Serving

MIB = 2**20


@pytest.mark.parametrize(
    ("memory", "flat"),
    [
        ([100] * 30, True),
        ([50] * 10 + [100] * 20, True),
        ([100, 101] * 15, True),
        ([*range(100, 400, 10)], False),
        ([100] * 20 + [200] * 10, False),
    ],
)
def test_memory_is_flat_where_its_last_third_is_as_the_one_before(memory: list[int], flat: bool) -> None:
    assert is_flat([(float(n), mib * MIB) for n, mib in enumerate(memory)]) is flat


def test_a_soak_in_short(tmp_path: Path) -> None:
    """So few seconds say nothing of memory; all that is asked is answered, and it is told."""
    with ExitStack() as stack:
        launcher = stack.enter_context(closing(Launcher()))
        visor = stack.enter_context(closing(Serving(launcher, tmp_path / "visor.db", history=50)))
        visor.start()
        soak = Soak(visor, seconds=4, subscribers=20, rate=10, seed=1)
        asyncio.run(soak.run())
    assert soak.failures == []
    assert soak.writes > 3
    assert soak.streams >= 20
    assert "subscribers that came and went" in report(soak)
