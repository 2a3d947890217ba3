"""Services that the tests of a file share, where none of them changes what another sees."""

from collections.abc import Iterator

import pytest

from tests.http.every_route import FILL, play
from tests.serving import Service, serving


@pytest.fixture(scope="module")
def full() -> Iterator[Service]:
    """A service with one of everything, on the store in memory. Not to be changed."""
    with serving() as service:
        play(service, FILL)
        yield service


@pytest.fixture
def memory_visor() -> Iterator[Service]:
    """A fresh service on the store in memory."""
    with serving() as service:
        yield service
