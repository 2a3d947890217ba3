"""Streams show what their token may see, and end when that changes: after a whole frame, and at once."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.events.filters import Filter
from app.models import keys
from app.models.grants import Grant, Role, sight_of
from app.models.token import TokenSet, new_id, new_token, sha256_of
from app.registry import tokens
from app.store.records import Origin
from tests.access.holders import Holder, behind, closed_service, give, grant, regrant
from tests.access.test_tokens import in_seconds
from tests.conftest import STORES, store_of
from tests.etcd.cluster import until
from tests.http.expect import refused
from tests.serving import APP, Service, serving
from tests.sse.sse_reader import Frame, SseStream

REVOCATIONS = int(os.environ.get("VISOR_TEST_REVOCATIONS", "12"))


@pytest.fixture(scope="module")
def closed() -> Iterator[Service]:
    with closed_service(keep_alive=0.2, bookmark=0.4) as service:
        yield service


@pytest.fixture
def tenants(closed: Service) -> Iterator[Service]:
    """Two apps, mine and theirs."""
    for name in ("mine", "theirs"):
        closed.made("/apps", {**APP, "name": name})
    yield closed
    for name in ("mine", "theirs"):
        closed.delete(f"/apps/{name}")


def stream(holder: Holder, **query: object) -> SseStream:
    return SseStream(holder.service.port, "/events", headers=holder.headers, **query)


def write(service: Service, app: str, value: str) -> int:
    answer = service.put(f"/apps/{app}/env/k", {"value": value})
    assert answer.status_code == 200, answer.text
    return int(answer.headers["Visor-Rev"])


def snapshot_of(events: SseStream) -> list[Frame]:
    """The frames up to the end of the snapshot."""
    frames = list(takewhile(lambda frame: frame.event != "snapshot-end", iter(events.next, None)))
    assert frames
    return frames


def test_a_stream_shows_what_its_token_may_see(tenants: Service) -> None:
    holder = give(tenants, grant("viewer", apps=["min*"]))
    with stream(holder, snapshot=True) as events:
        assert events.headers["visor-filtered"] == "true"
        write(tenants, "theirs", "1")
        last = write(tenants, "mine", "2")
        frames = events.up_to(last)
    assert {frame.said["app"] for frame in frames if frame.data and "app" in frame.said} == {"mine"}
    assert b"theirs" not in b"".join(frame.raw for frame in frames)


def test_rows_of_instances_show_what_the_token_may_see(closed: Service) -> None:
    """Of those that another token has had made, too: rows are kept for all who ask for the same fields."""
    for app in ("rows-mine", "rows-theirs"):
        closed.runnable(app)
        closed.made("/instances", {"app": app, "revision": "128af9", "proctype": "web"})
    query = {"snapshot": True, "instance_rows": "app,status"}
    with stream(give(closed, grant("auditor")), **query) as events:
        assert b"rows-theirs" in b"".join(frame.raw for frame in snapshot_of(events))
    with stream(give(closed, grant("viewer", apps=["rows-m*"])), **query) as events:
        frames = snapshot_of(events)
    rows = [row for frame in frames if frame.event == "snapshot-rows" for row in frame.said["rows"]]
    assert rows == [["rows-mine", "pending"]]
    assert b"theirs" not in b"".join(frame.raw for frame in frames)
    for app in ("rows-mine", "rows-theirs"):
        for instance in closed.get(f"/apps/{app}/instances").json()["items"]:
            closed.delete(f"/instances/{instance['id']}")
        closed.delete(f"/apps/{app}")


def test_subscribers_that_see_and_want_the_same_share_a_channel(tenants: Service) -> None:
    """What is new is decided once for all of them, by whatever tokens they see it."""
    sight = sight_of([Grant(role=Role.VIEWER, apps=["mine"])])
    both = give(tenants, grant("viewer", apps=["mine"])), give(tenants, grant("deployer", apps=["mine"]))
    other = give(tenants, grant("viewer", apps=["theirs"]))
    with stream(both[0]) as first, stream(both[1]) as second, stream(other) as third:
        for each in (first, second, third):
            assert each.next() is not None
        channel = tenants.context.channels.of(Filter(sight=sight))
        until(lambda: len(channel.waiting) == 2, "both wait by one channel")


def test_it_ends_with_its_token(tenants: Service) -> None:
    """Nothing that was committed after the revocation goes out; the end is clean, and the resume is 401."""
    for _ in range(10):
        holder = give(tenants, grant("viewer", apps=["mine"]))
        with stream(holder) as events:
            before = write(tenants, "mine", "before")
            assert [frame.rev for frame in events.events(1)] == [before]
            tenants.delete(f"/tokens/{holder.id}")
            write(tenants, "mine", "after")
            assert [frame.rev for frame in events.rest() if frame.is_event] == []
            assert events.whole
        refused(holder.get(f"/events?rev={before}"), 401, "unauthenticated")


def test_it_ends_with_its_tokens_time(closed: Service) -> None:
    holder = give(closed, grant("auditor"), expires_at=in_seconds(1))
    with stream(holder) as events:
        events.rest()
        assert events.whole


def test_narrower_grants_end_it_and_wider_ones_end_it_with_gone(tenants: Service) -> None:
    holder = give(tenants, grant("viewer", apps=["mine", "theirs"]))
    with stream(holder) as events:
        regrant(holder, grant("viewer", apps=["mine"]))
        write(tenants, "theirs", "1")
        assert [frame.event for frame in events.rest() if frame.event != "bookmark"] == []
    with stream(holder) as events:
        regrant(holder, grant("viewer", apps=["m*", "theirs"]))
        assert [frame.event for frame in events.rest() if frame.event != "bookmark"] == ["gone"]


def test_what_changes_nothing_that_is_seen_lets_it_go_on(tenants: Service) -> None:
    """Another name, another role for the same, a rotation with an overlap."""
    holder = give(tenants, grant("viewer", apps=["mine"]))
    with stream(holder) as events:
        regrant(holder, grant("deployer", apps=["mine"]))
        tenants.post(f"/tokens/{holder.id}/rotate", {"sha256": "0" * 64, "overlap": 600})
        last = write(tenants, "mine", "1")
        assert events.events(1)[0].rev == last


def test_a_stream_that_nobody_needed_a_token_for_ends_with_the_first_token(tmp_path: Path) -> None:
    with serving(store="memory:") as service:
        with SseStream(service.port, "/events") as events:
            assert events.next() is not None
            service.inside(_first_token(service))
            events.rest()
            assert events.whole
        refused(service.get("/apps"), 401, "unauthenticated")


async def _first_token(service: Service) -> None:
    await _make(service, "a" * 12, {"name": "root", "grants": [grant("admin")], "sha256": "0" * 64})


async def _make(service: Service, id: str, said: dict[str, Any]) -> None:
    """A token that is not made by a request to this service."""
    body = TokenSet.model_validate(said)
    await service.context.store.transact(
        lambda snapshot, at: tokens.put(snapshot, at, id, body, "tests"), Origin("a", "b")
    )


def test_a_call_that_waits_is_refused_when_its_token_is_revoked_meanwhile(tenants: Service) -> None:
    holder = give(tenants, grant("viewer", apps=["mine"]))
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(holder.get(f"/events/list?rev={tenants.rev}&wait=20"))
    )
    waiting.start()
    while tenants.context.capacity.subscribers == 0:
        waiting.join(0.01)
    tenants.delete(f"/tokens/{holder.id}")
    write(tenants, "mine", "1")
    waiting.join(30)
    refused(answers[0], 401, "unauthenticated")


class Late:
    """Confirmations of the coordinator that come when they are told to."""

    def __init__(self, service: Service) -> None:
        self._latest = service.context.store.latest
        self._asked, self._go = threading.Event(), threading.Event()

    async def latest(self) -> Any:
        self._asked.set()
        while not self._go.is_set():  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(0.005)
        return await self._latest()

    def wait_for_the_call(self) -> None:
        assert self._asked.wait(20)

    def go(self) -> None:
        self._go.set()


@contextmanager
def confirmed_late(service: Service) -> Iterator[Late]:
    """What is asked inside waits for the coordinator until it is told to go on."""
    late, store = Late(service), service.context.store
    before, store.latest = store.latest, late.latest
    try:
        yield late
    finally:
        store.latest = before


class InTheBackground:
    """A call that is begun; to call this waits for its answer."""

    def __init__(self, call: Callable[[], httpx2.Response]) -> None:
        self._answers: list[httpx2.Response] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(call()))
        self._thread.start()

    def __call__(self) -> httpx2.Response:
        self._thread.join(60)
        return self._answers[0]


def waits(
    tenants: Service, call: Callable[[], httpx2.Response], monkeypatch: pytest.MonkeyPatch
) -> InTheBackground:
    """The same; it has begun to wait by now."""
    capacity, began = tenants.context.capacity, threading.Event()
    subscribe = capacity.subscribe

    def subscribed(**given: bool) -> None:
        subscribe(**given)
        began.set()

    with monkeypatch.context() as patch:
        patch.setattr(capacity, "subscribe", subscribed)
        answer = InTheBackground(call)
        assert began.wait(60), "it does not wait"
    return answer


def test_a_call_that_waits_shows_nothing_that_its_token_may_not_see_any_more(
    tenants: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token was narrowed meanwhile: it is told to ask again, and gets what it may see then."""
    tenants.runnable("other")
    id = tenants.ticket("other")
    both = [grant("viewer", apps=["mine", "theirs", "other"])]
    for path, change in (
        (f"/events/list?rev={tenants.rev}&wait=30", lambda: write(tenants, "theirs", "secret")),
        (f"/instances/{id}?status=claimed&wait=30", lambda: tenants.delete(f"/instances/{id}")),
    ):
        holder = give(tenants, *both)
        answer = waits(tenants, lambda holder=holder, path=path: holder.get(path), monkeypatch)
        regrant(holder, grant("viewer", apps=["mine"]))
        change()
        refused(answer(), 503, "coordinator-unavailable")
        again = holder.get(path.replace("wait=30", "wait=0"))
        assert again.status_code in (200, 404)
        assert "theirs" not in again.text
        assert "other" not in again.text
    tenants.delete("/apps/other")


def test_a_call_that_waits_with_wider_grants_by_then_is_answered(
    tenants: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = give(tenants, grant("viewer", apps=["mine"]))
    answer = waits(tenants, lambda: holder.get(f"/events/list?rev={tenants.rev}&wait=30"), monkeypatch)
    regrant(holder, grant("viewer", apps=["mine", "theirs"]))
    write(tenants, "mine", "1")
    assert [event["app"] for event in answer().json()["items"]] == ["mine"]


def test_a_host_that_waited_in_vain_is_told_that_its_token_was_revoked(
    tenants: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = {"host": "10.0.0.7", "app": "mine", "wait": 1}
    for _ in range(10):
        holder = give(tenants, grant("host", hosts=["10.0.0.7"]))
        answer = waits(
            tenants, lambda holder=holder: holder.ask("POST", "/instances/claim", claim), monkeypatch
        )
        tenants.delete(f"/tokens/{holder.id}")
        if answer().status_code != 204:
            break  # else its second was over before the revocation: the machine was busy
    refused(answer(), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("after", "status"), [("revoke", 401), ("narrow", 503), ("widen", 200), ("nothing", 200)]
)
def test_a_read_that_waits_for_the_coordinator_is_judged_by_the_token_as_it_is_then(
    tenants: Service, after: str, status: int
) -> None:
    """It would show, with an old token, what was committed after that was revoked."""
    holder = give(tenants, grant("viewer", apps=["theirs"]))
    with confirmed_late(tenants) as go:
        answer = InTheBackground(lambda: holder.get("/apps/theirs/env"))
        go.wait_for_the_call()
    if after == "revoke":
        tenants.delete(f"/tokens/{holder.id}")
    elif after != "nothing":
        regrant(holder, grant("viewer", apps=["mine", *(["theirs"] if after == "widen" else [])]))
    write(tenants, "theirs", "after")
    go.go()
    said = answer()
    assert said.status_code == status, said.text
    assert ("after" in said.text) == (status == 200)


def test_a_token_that_a_replica_has_not_heard_of_is_asked_for_and_a_no_is_not_kept(tenants: Service) -> None:
    """It was asked with before, in vain, and was made since: nothing but a confirmed read tells."""
    holder = Holder(tenants, id := new_id(), new_token(id))
    body = {"name": "new", "grants": [grant("viewer", apps=["mine"])], "sha256": sha256_of(holder.token)}
    with behind(tenants):
        refused(holder.get("/tokens/self"), 401, "unauthenticated")
    with behind(tenants):
        tenants.inside(_make(tenants, id, body))
        assert tenants.context.store.stale().get(keys.token(id)) is None
        assert holder.get("/tokens/self").json()["id"] == id


def test_a_read_without_a_token_is_401_whatever_is_committed_while_it_waits(tenants: Service) -> None:
    with confirmed_late(tenants) as go:
        unknown = Holder(tenants, id := new_id(), new_token(id))
        answer = InTheBackground(lambda: unknown.get("/apps"))
        go.wait_for_the_call()
    write(tenants, "theirs", "after")
    go.go()
    refused(answer(), 401, "unauthenticated")


@pytest.mark.parametrize("kind", STORES)
def test_no_write_commits_after_the_revocation_of_its_token(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Writers race the revocation: each commits before it, or is refused. `VISOR_TEST_REVOCATIONS` says how
    often, on each store."""
    with closed_service(store=store_of(kind, tmp_path, request)) as service:
        service.made("/apps", APP)
        for _ in range(REVOCATIONS):
            holder = give(service, grant("deployer", apps=["cat"]))
            revs: list[int] = []
            go = threading.Barrier(5)
            writers = [threading.Thread(target=_write_on, args=(holder, n, go, revs)) for n in range(4)]
            for one in writers:
                one.start()
            go.wait()
            while not revs:
                writers[0].join(0.001)
            revoked = service.delete(f"/tokens/{holder.id}").json()["rev"]
            for one in writers:
                one.join(60)
            assert max(revs) < revoked


def _write_on(holder: Holder, number: int, go: threading.Barrier, revs: list[int]) -> None:
    go.wait()
    for n in range(50):
        answer = holder.ask("PUT", "/apps/cat/env/k", {"value": f"{holder.id} {number} {n}"})
        if answer.status_code != 200:
            assert answer.status_code == 401, answer.text
            return
        revs.append(int(answer.headers["Visor-Rev"]))
