"""Revs that are missing: those that others made, and those that etcd leaves out by mistake."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import EtcdError
from app.store.etcd.client.revisions import EtcdRevision, Progress
from app.store.etcd.client.watch import Watch
from app.store.etcd.revs import rev_of, revision_of
from tests.etcd.cluster import Cluster, until
from tests.etcd.replicas import events_after, replicas
from tests.serving import Service, serving


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """Where the registry of this test lies."""
    return f"{tmp_path.parent.name}-{tmp_path.name}"


def _others_write(etcd: Cluster, count: int) -> None:
    for n in range(count):
        etcd.ctl("put", f"/others/{n}", "x")


def test_a_list_of_events_goes_past_revs_that_are_not_ours(
    etcd: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long poll from before a stretch of such revs waits its time without asking the store again and
    again, and says that it has looked past them."""
    with serving(store=f"etcd://{etcd.endpoints[0]}/{prefix}") as writer:
        made = writer.made("/services", {"name": "a"})["rev"]
    try:
        _others_write(etcd, 5)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise AssertionError("etcdctl comes with etcd") from error
    # Started afresh: what it holds begins after those revs.
    with serving(store=f"etcd://{etcd.endpoints[0]}/{prefix}") as visor:
        store = visor.context.store
        asked = []
        commits = store.commits

        async def counted(after: int, limit: int):
            asked.append(after)
            return await commits(after, limit)

        monkeypatch.setattr(store, "commits", counted)
        # It exists, so it can be read: the registry at that rev is the one at the last of ours.
        assert visor.get(f"/services?rev={rev_of(revision_of(made) + 5)}").json()["items"][0]["rev"] == made
        page = visor.get(f"/events?rev={made}&wait=1", headers={"Accept": "application/json"}).json()
        assert page["items"] == []
        assert int(page["next"]) == visor.rev
        assert len(asked) < 10, "it asked the store without end"

        with visor.client.stream("GET", f"/events?rev={made}") as stream:
            parts = stream.iter_text()
            assert next(parts).startswith("retry")
            before = len(asked)
            visor.made("/services", {"name": "b"})
            assert "service-register" in next(parts)
            assert len(asked) - before < 10


class _Leaky:
    """A watch of etcd's that leaves out one revision, as etcd#17529 does."""

    def __init__(self, watch: Watch, count: int) -> None:
        self._watch, self._left = watch, count

    @property
    def over(self) -> bool:
        return self._watch.over

    async def take(self) -> list[EtcdRevision | Progress]:
        told = []
        for item in await self._watch.take():
            if isinstance(item, EtcdRevision):
                self._left -= 1
                if self._left == 0:
                    continue
            told.append(item)
        return told

    def finish(self, error: EtcdError) -> None:
        self._watch.finish(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._watch.close()


def _leak_once(
    monkeypatch: pytest.MonkeyPatch, *, looking_back: bool = False, count: int = 3
) -> list[_Leaky]:
    """Have the next watch of all keys leave out its third revision (or the one with that count): the one
    that is followed, or one of those that look back. What leaked is put into the list."""
    watch = EtcdClient.watch
    leaked: list[_Leaky] = []

    async def watched(self: EtcdClient, *given: bytes, **more: Any) -> Any:
        made = await watch(self, *given, **more)
        if leaked or len(given) < 2 or more.get("prev_kv", False) is not looking_back:
            return made
        leaked.append(_Leaky(made, count))
        return leaked[0]

    monkeypatch.setattr(EtcdClient, "watch", watched)
    return leaked


def test_a_commit_that_etcd_leaves_out_is_asked_for_again(
    etcd: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hole in the watch that is followed would be one of every reader and subscriber."""
    with replicas(etcd.endpoints, prefix, 1) as (writer,):
        leaked = _leak_once(monkeypatch)
        with replicas(etcd.endpoints, prefix, 1) as (visor,):
            made = {writer.made("/services", {"name": f"s{n}"})["name"] for n in range(6)}
            assert leaked
            assert {item["name"] for item in visor.get("/services").json()["items"]} == made
            assert {event["service"] for event in events_after(visor)} == made


@contextmanager
def _a_member_goes_unseen(
    etcd: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Service, Service]]:
    """Two replicas, after a member has gone with its lease, which the watch of the second has left out."""
    with replicas(etcd.endpoints, prefix, 1) as (witness,):
        leaked = _leak_once(monkeypatch, count=2)
        with replicas(etcd.endpoints, prefix, 1) as (visor,):
            visor.put("/members/pms/box", {"version": "1", "ttl": 1})
            until(lambda: witness.get("/members/pms").json()["items"] == [], "the member has gone")
            assert leaked
            yield witness, visor


def _is_read(visor: Service) -> bool:
    return visor.get("/members/pms").status_code == 200


def test_a_last_commit_that_etcd_leaves_out_is_asked_for_again(
    etcd: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing comes after it that would show the hole: a read that waits for it in vain does."""
    with replicas(etcd.endpoints, prefix, 1) as (writer,):
        leaked = _leak_once(monkeypatch)
        with replicas(etcd.endpoints, prefix, 1) as (visor,):
            made = {writer.made("/services", {"name": f"s{n}"})["name"] for n in range(3)}
            until(lambda: _is_read(visor), "it can be read again", 8)
            assert leaked
            assert {item["name"] for item in visor.get("/services").json()["items"]} == made
            assert {event["service"] for event in events_after(visor)} == made


@pytest.mark.parametrize("then", [0, 2], ids=["last", "before others"])
def test_the_end_of_a_lease_that_etcd_leaves_out_is_found_out(
    etcd: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch, then: int
) -> None:
    """The journal has no entry of it that could be missed: a read that counts in vain finds it."""
    with _a_member_goes_unseen(etcd, prefix, monkeypatch) as (witness, visor):
        for n in range(then):
            witness.made("/services", {"name": f"s{n}"})
        until(lambda: _is_read(visor), "it can be read again", 8)
        assert visor.get("/members/pms").json()["items"] == []
        told = [event["type"] for event in events_after(visor)]
        assert told == ["member-register", "member-unregister", *["service-register"] * then]


def test_a_hole_is_found_where_its_place_is_compacted(
    own: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can count what was there then."""
    with _a_member_goes_unseen(own, prefix, monkeypatch) as (_, visor):
        _others_write(own, 5)
        own.compact(own.revision())
        until(lambda: _is_read(visor), "it can be read again", 8)
        assert visor.get("/members/pms").json()["items"] == []


def test_a_key_that_came_to_be_anew_unseen_is_asked_for_again(
    etcd: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member whose end was left out, and that comes again, would pass as one that was always there."""
    with _a_member_goes_unseen(etcd, prefix, monkeypatch) as (witness, visor):
        witness.put("/members/pms/box", {"version": "1", "ttl": 60})
        until(lambda: len(events_after(visor)) == 3, "all events")
        told = [event["type"] for event in events_after(visor)]
        assert told == ["member-register", "member-unregister", "member-register"]


def test_an_old_commit_that_etcd_leaves_out_is_not_passed_over(
    etcd: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks back is told that it cannot be said now, and then all of it."""
    with replicas(etcd.endpoints, prefix, 1, memory_revs=1) as (visor,):
        made = [visor.made("/services", {"name": f"s{n}"}) for n in range(6)]
        leaked = _leak_once(monkeypatch, looking_back=True)
        asked = {"Accept": "application/json", "Last-Event-ID": str(made[0]["rev"])}
        first = visor.get("/events", headers=asked)
        assert leaked
        assert first.status_code == 503, first.text
        told = visor.get("/events", headers=asked).json()["items"]
        assert [event["service"] for event in told] == [one["name"] for one in made[1:]]
