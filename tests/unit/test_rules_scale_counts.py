"""What a GET of a scale counts, on plain data."""

from typing import Any

import pytest

from app.errors import NotFound
from app.models.scale import ScaleCount, Statuses
from app.registry.scale_counts import ANY, Counts
from tests.http.life.life_table import TABLE
from tests.unit.life_registry import Registry


def counted(revision: str, env: str | None, count: int, **statuses: int) -> ScaleCount:
    zero = dict.fromkeys(Statuses.model_fields, 0)
    return ScaleCount(
        revision=revision,
        env=env,
        count=count,
        target=None,
        rev=None,
        statuses=Statuses(**{**zero, **statuses}),
    )


def counts(
    registry: Registry, app: str, proctype: str, revision: str | None = None, env: object = ANY
) -> list[ScaleCount]:
    taken = Counts(app, proctype, revision, env)
    for take_in in (taken.instances, taken.targets):
        after: str | None = ""
        while after is not None:
            after = take_in(registry, after)
    return [item for _, item in taken.items()]


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


def test_counts_say_how_many_are_in_each_status(registry: Registry) -> None:
    for state in TABLE:
        registry.ticket_in(state)
    assert counts(registry, "cat", "web") == [
        counted("r1", None, 3, pending=1, claimed=1, running=1, stopping=1, exited=1, failed=1, lost=2)
    ]


def test_counts_are_by_revision_and_env_set_and_can_be_narrowed(registry: Registry) -> None:
    registry.runnable(ref="r2")
    for ref, env in (("r2", None), ("r1", "e1"), ("r1", None), ("r1", "e1")):
        registry.ticket(ref=ref, env=env)
    r1, r1e1, r2 = (
        counted("r1", None, 1, pending=1),
        counted("r1", "e1", 2, pending=2),
        counted("r2", None, 1, pending=1),
    )
    asked: list[tuple[dict[str, Any], list[ScaleCount]]] = [
        ({}, [r1, r1e1, r2]),
        ({"revision": "r1"}, [r1, r1e1]),
        ({"env": "e1"}, [r1e1]),
        ({"env": None}, [r1, r2]),
        ({"revision": "r1", "env": None}, [r1]),
        ({"revision": "r1", "env": "e1"}, [r1e1]),
        ({"revision": "r2", "env": "e1"}, [counted("r2", "e1", 0)]),
        ({"revision": "r9"}, [counted("r9", None, 0)]),
    ]
    for filters, items in asked:
        assert counts(registry, "cat", "web", **filters) == items, filters


def test_another_proctype_is_not_counted(registry: Registry) -> None:
    registry.runnable("cat", "worker")
    registry.ticket("cat", "worker")
    assert counts(registry, "cat", "web") == []


@pytest.mark.parametrize(("app", "proctype"), [("dog", "web"), ("cat", "worker")])
def test_the_counts_of_what_is_not_registered_are_not_found(
    registry: Registry, app: str, proctype: str
) -> None:
    with pytest.raises(NotFound):
        counts(registry, app, proctype)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_page_after_page_counts_what_one_page_does(registry: Registry, limit: int) -> None:
    """Groups that a page has no room for are dropped while it is counted: those it keeps are whole."""
    for number in range(7):
        registry.runnable(ref=f"r{number}-b")
        registry.runnable(ref=f"r{number}")
    for number in (3, 0, 6, 1, 5, 2, 4, 0, 6, 3):
        registry.ticket(ref=f"r{number}-b")
        registry.ticket(ref=f"r{number}", env="e1")
        registry.ticket(ref=f"r{number}")
    whole = counts(registry, "cat", "web")
    assert len(whole) == 21
    paged: list[ScaleCount] = []
    after, more = "", True
    while more:
        taken = Counts("cat", "web", after=after, limit=limit)
        place: str | None = ""
        while place is not None:
            place = taken.instances(registry, place)
        page = list(taken.items())
        assert len(page) == min(limit, 21 - len(paged))
        paged += [item for _, item in page]
        after, more = page[-1][0], taken.more
    assert paged == whole
