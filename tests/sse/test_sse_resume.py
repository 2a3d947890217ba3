"""Exact resume: wherever a stream is cut, what follows its last id is the rest, exactly once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving import Service, serving
from tests.sse.platform_history import live_a_while, selected, whole_history
from tests.sse.sse_reader import Frame, SseStream


@pytest.fixture(scope="module", params=["memory", "sqlite", "sqlite-archive"])
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a history that no longer grows, and frequent bookmarks."""
    path: Path = tmp_path_factory.mktemp("past")
    store = "memory:" if request.param == "memory" else f"sqlite:///{path}/visor.db"
    memory_revs = 2 if request.param == "sqlite-archive" else 20_000
    with serving(store=store, memory_revs=memory_revs, bookmark=0.01, max_subscribers=1000) as service:
        live_a_while(service)
        yield service


def _read(visor: Service, count: int, place: str | None, **wanted: Any) -> list[Frame]:
    with SseStream(visor.port, "/events", last_event_id=place, rev=0, **wanted) as stream:
        return stream.events(count)


def _rest(visor: Service, place: str | None, **wanted: Any) -> list[Frame]:
    """All that follows a place, up to a bookmark that says that this was all."""
    with SseStream(visor.port, "/events", last_event_id=place, rev=0, **wanted) as stream:
        return [frame for frame in stream.up_to(visor.context.store.rev) if frame.is_event]


def _step(visor: Service) -> int:
    """From one cut to the next: what follows a place is decided alike on all stores, and read by each."""
    return 1 if visor.coordinator == "memory" else 4


def test_a_stream_cut_at_any_event_goes_on_with_the_next(past: Service) -> None:
    """Inside of a rev too."""
    whole = _rest(past, None)
    assert [frame.said for frame in whole] == whole_history(past)
    assert any(frame.said["index"] > 5 for frame in whole)
    for cut in range(1, len(whole) + 1, _step(past)):
        before = _read(past, cut, None)
        after = _rest(past, before[-1].id)
        assert [f.raw for f in before + after] == [f.raw for f in whole], f"cut after {before[-1].id}"


def test_a_resume_at_a_rev_goes_on_after_all_of_it(past: Service) -> None:
    whole = _rest(past, None)
    for rev in range(0, past.context.store.rev + 1, _step(past)):
        assert [f.raw for f in _rest(past, str(rev))] == [f.raw for f in whole if f.rev > rev]


_FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.lists(
            st.sampled_from(
                ["instance-*", "instance-claim", "app-*", "app-update", "proc-*", "rev-register"]
            ),
            min_size=1,
            max_size=3,
        ),
        "app": st.sampled_from(["cat", ["cat"], ["cat", "dog"]]),
        "proctype": st.sampled_from(["web", "worker"]),
        "instance": st.integers(1, 20),
        "host": st.sampled_from(["10.0.0.7", "10.0.0.8", ["10.0.0.7", "10.0.0.8"]]),
    },
)


@given(wanted=_FILTERS, cuts=st.lists(st.integers(1, 9), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_filter_cut_anywhere_any_number_of_times(
    past: Service, wanted: dict[str, Any], cuts: list[int]
) -> None:
    expected = selected(whole_history(past), **wanted)
    got: list[Frame] = []
    for cut in cuts:
        if len(got) + cut > len(expected):
            break
        got += _read(past, cut, got[-1].id if got else None, **wanted)
    got += _rest(past, got[-1].id if got else None, **wanted)
    assert [frame.said for frame in got] == expected
    assert [frame.id for frame in got] == [f"{e['rev']}-{e['index']}" for e in expected]


@given(place=st.integers(0, 200), index=st.one_of(st.none(), st.integers(0, 20)))
@settings(max_examples=25, deadline=None)
def test_a_place_need_not_be_an_events(past: Service, place: int, index: int | None) -> None:
    """A filtered stream's place, or an index above a rev's last, is a place as good as any."""
    whole = whole_history(past)
    rev = min(place, past.context.store.rev)
    shown = str(rev) if index is None else f"{rev}-{index}"
    wanted = [
        e for e in whole if e["rev"] > rev or (index is not None and (e["rev"], e["index"]) > (rev, index))
    ]
    assert [frame.said for frame in _rest(past, shown)] == wanted
