"""Every store that the contract suite runs against."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from contract_stores import KINDS, Maker

from app.store.embedded import EmbeddedStore


@pytest.fixture(params=KINDS)
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Maker]:
    maker = Maker(request.param, tmp_path / "store.db")
    yield maker
    await maker.close()


@pytest.fixture
async def store(make: Maker) -> EmbeddedStore:
    return await make()
