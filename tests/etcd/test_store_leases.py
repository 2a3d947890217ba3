"""Members with a ttl are etcd's leases: they vanish with an event, and live as long as they are renewed."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.etcd.cluster import Cluster, until
from tests.etcd.replicas import events_after, replicas, until_ok
from tests.leases import Try, tries
from tests.serving import Service
from tests.sse.sse_reader import SseStream

MEMBER = "/members/pms/10.0.0.7"


def leases(etcd: Cluster) -> set[str]:
    """The ids of all leases that live."""
    return {line for line in etcd.ctl("lease", "list").splitlines() if len(line) == 16}


@pytest.fixture
def two(etcd: Cluster, tmp_path: Path) -> Iterator[list[Service]]:
    with replicas(etcd.endpoints, tmp_path.name) as services:
        yield services


def test_a_member_that_is_not_renewed_vanishes_on_every_replica_at_one_rev(
    two: list[Service], etcd: Cluster, tmp_path: Path
) -> None:
    two[0].put(MEMBER, {"version": "1", "ttl": 1})
    rev = two[0].rev
    streams = [SseStream(visor.port, "/events", rev=rev) for visor in two]
    gone = [stream.event() for stream in streams]
    assert gone[0].raw == gone[1].raw
    assert (gone[0].said["type"], gone[0].said["actor"]) == ("member-unregister", "visor")
    assert gone[0].said["object"]["version"] == "1"
    for visor, stream in zip(two, streams, strict=True):
        assert visor.get(MEMBER).status_code == 404
        assert visor.get(f"{MEMBER}?rev={rev}").status_code == 200
        stream.close()
    # A replica that starts now, and has it only in etcd's history, says the same.
    with replicas(etcd.endpoints, tmp_path.name, 1) as (late,):
        assert late.rev == two[0].rev == gone[0].rev
        with SseStream(late.port, "/events", rev=rev) as stream:
            assert stream.event().raw == gone[0].raw
            two[1].made("/services", {"name": "a"})
            assert stream.event().said["type"] == "service-register"
    with replicas(etcd.endpoints, tmp_path.name, 1, memory_revs=1) as (short,):
        assert events_after(short) == events_after(two[0])


def test_renewals_through_any_replica_keep_it_and_make_no_commit(two: list[Service]) -> None:
    for attempt in tries(2, 10, 40):
        member, said = f"{MEMBER}{attempt.number}", {"version": "1", "ttl": attempt.ttl}
        with attempt:
            with attempt.in_time():
                made = two[0].put(member, said).json()
            for renewal in range(16):
                time.sleep(0.15 * attempt.ttl)
                with attempt.in_time():
                    again = two[renewal % 2].put(member, said)
                assert (again.status_code, again.json()) == (200, made)
            assert two[1].rev == made["rev"]


def test_it_registers_anew_when_it_has_gone_just_before_it_is_renewed(
    two: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule saw it; by the time that its lease is to be renewed its end has been heard of."""
    first = two[0].put(MEMBER, {"version": "1", "ttl": 1}).json()
    store = two[0].context.store
    renew = store._writer._renew  # type: ignore[attr-defined]

    async def late(*given: Any) -> None:
        await store.wait(first["rev"])
        await renew(*given)

    monkeypatch.setattr(store._writer, "_renew", late)  # type: ignore[attr-defined]
    again = two[0].put(MEMBER, {"version": "1", "ttl": 1})
    assert again.status_code in (200, 201), again.text
    assert again.json()["created_rev"] > first["rev"]


def test_it_registers_anew_when_its_lease_is_gone(two: list[Service], etcd: Cluster) -> None:
    before = leases(etcd)  # of other tests too: the etcd is shared, and its list has no order
    first = two[0].put(MEMBER, {"version": "1", "ttl": 60}).json()
    (lease,) = leases(etcd) - before
    etcd.ctl("lease", "revoke", lease)
    again = two[1].put(MEMBER, {"version": "1", "ttl": 60}).json()
    assert again["created_rev"] > first["rev"]
    types = [event["type"] for event in events_after(two[0])]
    assert types == ["member-register", "member-unregister", "member-register"]


def test_another_ttl_or_none_is_what_counts_from_then_on(two: list[Service]) -> None:
    two[0].put(MEMBER, {"version": "1", "ttl": 1})
    two[1].put(MEMBER, {"version": "1", "ttl": None})
    two[0].put("/members/pms/10.0.0.8", {"version": "1", "ttl": 1})
    until(lambda: two[1].get("/members/pms/10.0.0.8").status_code == 404, "the other one vanishes")
    assert two[1].get(MEMBER).status_code == 200


def test_a_read_that_was_begun_after_the_end_of_a_lease_knows_of_it_on_every_replica(
    two: list[Service],
) -> None:
    two[0].put(MEMBER, {"version": "1", "ttl": 1})
    until(lambda: two[0].get(MEMBER).status_code == 404, "it ends")
    assert two[1].get(MEMBER).status_code == 404


def _nobody_is_lost(trio: Cluster, two: list[Service], attempt: Try) -> None:
    addresses, before = [f"/members/pms/10.0.{attempt.number}.{n}" for n in range(5)], two[0].rev
    with attempt.in_time():
        for address in addresses:
            two[0].put(address, {"version": "1", "ttl": attempt.ttl})
    leader = trio.leader()
    leader.kill()
    try:
        end = time.monotonic() + 1.7 * attempt.ttl
        while time.monotonic() < end:
            with attempt.in_time():
                for address in addresses:
                    for visor in two:
                        until_ok(partial(visor.put, address, {"version": "1", "ttl": attempt.ttl}))
            time.sleep(0.2)
        types = [event["type"] for event in events_after(two[1], before)]
        assert types == ["member-register"] * 5, "nobody was lost"
    finally:
        leader.start()


def test_the_death_of_the_leader_does_not_take_those_who_renew(tmp_path: Path) -> None:
    trio = Cluster(tmp_path, 3).start()
    try:
        with replicas(trio.endpoints, "visor") as two:
            for attempt in tries(3, 15, 60):
                with attempt:
                    _nobody_is_lost(trio, two, attempt)
    finally:
        trio.stop()
