"""Compaction, by the setting or by another hand: what is gone is said to be gone, never a hole."""

import threading
import time
from typing import Self

import pytest

from app.models import key_terms
from app.store.etcd.archive import EtcdArchive
from app.store.etcd.client.errors import Compacted
from app.store.etcd.client.revisions import EtcdRevision, KeyEvent, KeyValue
from app.store.etcd.revs import revision_of
from tests.etcd.cluster import Cluster, until
from tests.etcd.replicas import events_after, replicas
from tests.serving import APP, Service
from tests.sse.sse_reader import SseStream


def put(visor: Service, number: int) -> int:
    answer = visor.put("/apps/cat/env/n", {"value": str(number)})
    assert answer.status_code == 200, answer.text
    return int(answer.headers["Visor-Rev"])


def is_compacted(visor: Service, path: str) -> int:
    answer = visor.get(path, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (410, "rev-compacted"), answer.text
    oldest: int = answer.json()["oldest_rev"]
    return oldest


def test_rev_0_is_the_empty_registry_while_nothing_is_compacted(own: Cluster) -> None:
    """What etcd calls revision 0 is its latest."""
    with replicas(own.endpoints, "zero", 1, memory_revs=2) as (visor,):
        visor.made("/apps", APP)
        for number in range(5):
            put(visor, number)
        assert visor.get("/rev?rev=0").json() == {"rev": 0, "oldest_rev": 0, "at": None}
        assert visor.get("/apps?rev=0").json() == {"rev": 0, "items": [], "next": None}
        assert visor.get("/apps/cat?rev=0").status_code == 404
        assert visor.get("/schema?rev=0").status_code == 200
        own.compact(revision_of(visor.rev))
        until(lambda: visor.get("/apps?rev=0").status_code == 410, "it is compacted")


def test_history_is_dropped_as_it_is_set(own: Cluster) -> None:
    with replicas(own.endpoints, "history", 1, history=10, memory_revs=5) as (visor,):
        visor.made("/apps", APP)
        first = visor.rev
        revs = [put(visor, number) for number in range(30)]
        until(lambda: visor.get("/rev").json()["oldest_rev"] >= revs[-11], "it is compacted")
        assert is_compacted(visor, f"/apps?rev={first}") == revs[-11]
        assert is_compacted(visor, f"/events?rev={first}") == revs[-11]
        oldest = visor.get("/rev").json()["oldest_rev"]
        assert visor.get(f"/apps?rev={oldest}").status_code == 200
        assert [event["rev"] for event in events_after(visor, oldest)] == revs[-10:]


def big(visor: Service, number: int) -> int:
    """A change of an app that takes ten thousand bytes."""
    answer = visor.put("/apps/cat/env/n", {"value": str(number) + "x" * 10_000})
    assert answer.status_code == 200, answer.text
    return int(answer.headers["Visor-Rev"])


def test_history_is_dropped_where_it_takes_too_many_bytes(own: Cluster) -> None:
    """Also what was there before the replica, which it has to find out; and before the clock says so."""
    with replicas(own.endpoints, "bytes", 1) as (visor,):
        visor.made("/apps", APP)
        revs = [big(visor, number) for number in range(40)]
        assert visor.get("/rev").json()["oldest_rev"] < revs[0]
    with replicas(own.endpoints, "bytes", 1, history_bytes=100_000) as (visor,):
        until(lambda: visor.get("/rev").json()["oldest_rev"] > revs[0], "it is compacted")
        oldest = visor.get("/rev").json()["oldest_rev"]
        assert revs[-11] <= oldest <= revs[-8], "as much is kept as fits"
        assert is_compacted(visor, f"/apps?rev={revs[10]}") == oldest
        assert len(visor.get(f"/apps/cat/env/n?rev={oldest}").json()["value"]) > 10_000
        assert [event["rev"] for event in events_after(visor, oldest)] == [r for r in revs if r > oldest]
        for number in range(20):
            revs.append(big(visor, number))
        until(lambda: visor.get("/rev").json()["oldest_rev"] >= revs[-11], "it is compacted again")
        assert visor.get("/rev").json()["oldest_rev"] <= revs[-8]
        statistics = visor.context.store.statistics()
        assert 70_000 < statistics["history_bytes"] < 111_000, "known to the size of a commit"


def test_a_rev_that_another_hand_has_compacted_is_410_with_the_oldest_that_is_left(own: Cluster) -> None:
    with replicas(own.endpoints, "other", memory_revs=3) as (visor, second):
        visor.made("/apps", APP)
        revs = [put(visor, number) for number in range(20)]
        own.compact(revision_of(revs[10]))
        for service in (visor, second):
            for path in ("/apps/cat", "/events"):
                assert is_compacted(service, f"{path}?rev={revs[5]}") == revs[10]
            assert service.get(f"/apps/cat?rev={revs[10]}").json()["env"]["n"] == "10"
            assert [event["rev"] for event in events_after(service, revs[10])] == revs[11:]


def test_where_others_have_written_last_and_all_is_compacted_the_latest_is_still_a_place(
    own: Cluster,
) -> None:
    """Read at N, then watch from N, though etcd has nothing before a later revision of somebody else's."""
    with replicas(own.endpoints, "gap", memory_revs=3, keep_alive=0.2) as (visor, second):
        visor.made("/apps", APP)
        revs = [put(visor, number) for number in range(10)]
        own.ctl("put", "somebody", "else")
        own.compact(own.revision())
        with SseStream(second.port, "/events") as open_before:
            rev = visor.rev
            # It learns of the compaction by being asked for what is gone.
            assert is_compacted(visor, f"/apps?rev={revs[0]}") == rev == revs[-1]
            assert visor.get(f"/apps/cat?rev={rev}").status_code == 200
            page = visor.get("/apps?limit=1")
            assert page.status_code == 200
            with (
                SseStream(visor.port, "/events", rev=rev) as stream,
                replicas(own.endpoints, "gap", 1) as (late,),
            ):
                start = late.rev
                with SseStream(late.port, "/events", rev=start) as its:
                    made = put(visor, 1)
                    assert [one.event().rev for one in (stream, its, open_before)] == [made] * 3


def test_subscribers_come_and_go_under_compaction_and_nobody_has_a_hole(own: Cluster) -> None:
    with replicas(own.endpoints, "often", memory_revs=20, keep_alive=0.2) as services:
        services[0].made("/apps", APP)
        revs: list[int] = []
        stop = threading.Event()
        streams: list[tuple[int, list[int], str]] = []

        def write() -> None:
            while not stop.is_set():
                revs.append(put(services[len(revs) % 2], len(revs)))

        def compact() -> None:
            while not stop.wait(0.25):
                own.compact(own.revision())

        def subscribe(visor: Service, back: int) -> None:
            while not stop.is_set():
                start = revs[max(len(revs) - back, 0)] if revs else visor.rev
                with SseStream(visor.port, "/events", rev=start) as stream:
                    if stream.status == 410:
                        streams.append((start, [], "410"))
                        assert stream.problem["oldest_rev"] > start
                        continue
                    seen, end = [], ""
                    for _ in range(60):
                        frame = stream.next()
                        if frame is None or stop.is_set():
                            break
                        if frame.is_event:
                            seen.append(frame.rev)
                        elif frame.event == "gone":
                            end = "gone"
                    streams.append((start, seen, end))

        failures: list[BaseException] = []

        def guarded(work: object, *args: object) -> None:
            try:
                work(*args)  # type: ignore[operator]
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(target=guarded, args=(write,)),
            threading.Thread(target=guarded, args=(compact,)),
        ]
        threads += [
            threading.Thread(target=guarded, args=(subscribe, services[n % 2], back))
            for n, back in enumerate((1, 5, 40, 100))
        ]
        for thread in threads:
            thread.start()
        # For five seconds, and on a slow machine until enough has happened.
        end, give_up = time.monotonic() + 5, time.monotonic() + 60
        while time.monotonic() < end or (
            time.monotonic() < give_up
            and (len(streams) <= 8 or sum(len(seen) for _, seen, _ in streams) <= 200)
            and not failures
        ):
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert len(streams) > 8
        assert sum(len(seen) for _, seen, _ in streams) > 200
        known = sorted(revs)
        for start, seen, _ in streams:
            after = [rev for rev in known if rev > start]
            assert seen == after[: len(seen)], "a hole, or a rev twice"


class _Compacting:
    """A client of a member that was compacted while it told of old revisions: it then leaves out what was
    there before. When that happens is up to the member, so what it says is said here."""

    over = False

    async def settled(self) -> Self:
        return self

    async def watch(self, *_: object, **__: object) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def take(self) -> list[EtcdRevision]:
        changed = KeyValue(b"/visor/app/cat", b'{"name":"cat"}', 3, 5, 2, 0)
        return [EtcdRevision(5, (KeyEvent(changed, False, None),))]


async def test_a_change_whose_before_is_compacted_is_gone_and_not_told_as_a_registration() -> None:
    member = _Compacting()
    archive = EtcdArchive(member, "/visor/", key_terms.index, member)  # type: ignore[arg-type]
    with pytest.raises(Compacted):
        await archive.commits(0, 5000, 10)
