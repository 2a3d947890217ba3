"""Served is only what continues what was served: an etcd that was restored, exchanged or emptied is noticed.

A replica that is running then serves what it holds, ends its streams with `gone`, writes nothing, and says in
`readyz` and in one line of the log what to do. An etcd that was restored as it has to be goes on by itself.
"""

import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.store.etcd.layout import SCHEMA
from tests.etcd.cluster import START, Cluster, binary, until
from tests.etcd.replicas import replicas, until_ok
from tests.serving import APP, Service
from tests.sse.sse_reader import SseStream

LOST = "not the one that was being served"
RAISED = f"schema is {SCHEMA + 1}"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path).start()
    yield cluster
    cluster.stop()


def _restore(cluster: Cluster, backup: Path, bump: int = 0) -> None:
    """Put a backup in etcd's place, as an operator does. `bump`: as `etcdutl snapshot restore` does with
    `--bump-revision` and `--mark-compacted`, which this etcd may be too old for."""
    (member,) = cluster.members
    member.kill()
    shutil.rmtree(member.data)
    subprocess.run(
        [
            *(binary().with_name("etcdctl"), "snapshot", "restore", backup, "--data-dir", member.data),
            *("--name", member.name, "--initial-cluster", f"{member.name}={member.peer_url}"),
            *("--initial-advertise-peer-urls", member.peer_url, "--initial-cluster-token", "restored"),
        ],
        check=True,
        capture_output=True,
        env={"ETCDCTL_API": "3"},
        timeout=START,
    )
    if bump:
        # Where nobody who follows it can see it.
        command, member.command = member.command, [*member.command]
        for flag in ("--listen-client-urls", "--advertise-client-urls"):
            member.command[member.command.index(flag) + 1] = f"http://127.0.0.1:{member.port + 1}"
        url, member.url = member.url, f"http://127.0.0.1:{member.port + 1}"
        member.start()
        cluster.wait_healthy(member)
        for number in range(bump):
            cluster.ask(member, "/v3/kv/put", {"key": "YnVtcA==", "value": f"{number:04}"})
        cluster.compact(cluster.revision())
        member.stop()
        member.command, member.url = command, url
    member.start()
    cluster.wait_healthy(member)


def _write(visor: Service, *values: str) -> None:
    for value in values:
        answer = visor.put("/apps/cat/env/a", {"value": value})
        assert answer.status_code == 200, answer.text


def _restored(cluster: Cluster, visor: Service) -> None:
    """From a backup of before the last writes, at whose revisions nothing is yet."""
    backup = cluster.members[0].data.parent / "backup"
    cluster.ctl("snapshot", "save", str(backup))
    _write(visor, "4", "5", "6")
    _restore(cluster, backup)


def _restored_and_written(cluster: Cluster, visor: Service) -> None:
    """The same, where another replica gives the revs of the last writes anew, before this one sees it."""
    backup = cluster.members[0].data.parent / "backup"
    cluster.ctl("snapshot", "save", str(backup))
    _write(visor, "4", "5", "6")
    (member,) = cluster.members
    member.kill()
    shutil.move(member.data, member.data.with_name("before"))
    member.start()
    cluster.wait_healthy(member)
    _restore(cluster, backup)
    with replicas(cluster.endpoints, "visor", 1) as (fresh,):
        _write(fresh, *"abcdef")


def _exchanged(cluster: Cluster, visor: Service) -> None:
    """Another etcd, which is empty, at the same address."""
    (member,) = cluster.members
    member.kill()
    shutil.rmtree(member.data)
    member.command[member.command.index("--initial-cluster-token") + 1] = "another"
    member.start()
    cluster.wait_healthy(member)


def _deleted(cluster: Cluster, visor: Service) -> None:
    cluster.ctl("del", "--prefix", "visor/")


def _begun_anew(cluster: Cluster, visor: Service) -> None:
    """The prefix was deleted, and another replica has begun a new registry there."""
    _deleted(cluster, visor)
    with replicas(cluster.endpoints, "visor", 1) as (fresh,):
        fresh.made("/apps", APP)
        _write(fresh, *"abcdef")


@pytest.mark.parametrize("happens", [_restored, _restored_and_written, _exchanged, _deleted, _begun_anew])
def test_an_etcd_that_does_not_continue_what_was_served_is_not_served(
    own: Cluster, happens: Callable[[Cluster, Service], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with replicas(own.endpoints, "visor", 1) as (visor,):
        visor.made("/apps", APP)
        _write(visor, "1", "2", "3")
        before = {
            rev: visor.get(f"/apps/cat?rev={rev}").content
            for rev in range(visor.rev - 3000, visor.rev + 1, 1000)
        }
        with SseStream(visor.port, "/events") as stream:
            happens(own, visor)
            until(lambda: LOST in visor.get("/readyz").text, "it is said")
            for frame in iter(stream.next, None):
                if frame.event == "gone":
                    break
            else:
                raise AssertionError("the stream ends without a word")
        revision = own.revision()
        for refused in (
            visor.put("/apps/cat/env/a", {"value": "lost"}),
            visor.post("/services", {"name": "lost"}),
            visor.get("/apps/cat"),
            visor.get("/events?rev=1", headers={"Accept": "application/json"}),
        ):
            assert refused.status_code == 503, refused.text
        assert own.revision() == revision, "nothing was written"
        for rev, bytes_before in before.items():
            assert visor.get(f"/apps/cat?rev={rev}").content == bytes_before, "what is held does not change"
        assert visor.get("/apps/cat?consistency=stale").status_code == 200
        ready = visor.get("/readyz")
        assert ready.status_code == 503
        assert "restart all replicas" in ready.json()["detail"], "it says what to do"
        assert len([line for line in caplog.messages if "not ready" in line and LOST in line]) == 1


def test_what_is_no_longer_in_memory_is_not_read_from_another_past(own: Cluster) -> None:
    with replicas(own.endpoints, "visor", 1, memory_revs=1) as (visor,):
        visor.made("/apps", APP)
        _write(visor, "1", "2", "3")
        backup = own.members[0].data.parent / "backup"
        own.ctl("snapshot", "save", str(backup))
        _write(visor, "4", "5", "6")
        rev = visor.rev - 2000
        assert visor.get(f"/apps/cat?rev={rev}").json()["env"] == {"a": "4"}
        _restore(own, backup)
        with replicas(own.endpoints, "visor", 1) as (fresh,):
            _write(fresh, *"abcdef")
            for _ in range(20):
                answer = visor.get(f"/apps/cat?rev={rev}")
                assert answer.status_code == 503 or answer.json()["env"] == {"a": "4"}, answer.text
            until(lambda: LOST in visor.get("/readyz").text, "it is said")
            assert visor.get(f"/apps/cat?rev={rev}").status_code == 503


def test_an_etcd_that_was_restored_as_it_has_to_be_goes_on_by_itself(own: Cluster) -> None:
    """With its revision bumped, and what was before it marked as compacted."""
    with replicas(own.endpoints, "visor", 1) as (visor,):
        visor.made("/apps", APP)
        _write(visor, "1", "2", "3")
        backup = own.members[0].data.parent / "backup"
        own.ctl("snapshot", "save", str(backup))
        _write(visor, "4", "5", "6")
        rev = visor.rev
        with SseStream(visor.port, f"/events?rev={rev}") as stream:
            _restore(own, backup, bump=50)
            for frame in iter(stream.next, None):
                if frame.event == "gone":
                    break
            else:
                raise AssertionError("the stream ends without a word")
        until_ok(lambda: visor.get("/readyz"))
        assert visor.get("/apps/cat").json()["env"] == {"a": "3"}
        assert visor.get(f"/apps/cat?rev={rev}").status_code == 410
        _write(visor, "7")
        assert visor.rev > rev


def test_an_etcd_that_was_restored_without_a_loss_goes_on(own: Cluster) -> None:
    """It is another cluster then, but all that was served is there."""
    with replicas(own.endpoints, "visor", 1) as (visor,):
        visor.made("/apps", APP)
        _write(visor, "1", "2", "3")
        backup = own.members[0].data.parent / "backup"
        own.ctl("snapshot", "save", str(backup))
        before = visor.get("/apps/cat").content
        _restore(own, backup)
        until_ok(lambda: visor.get("/readyz"))
        until_ok(lambda: visor.get("/apps/cat"))
        assert visor.get("/apps/cat").content == before
        _write(visor, "4")


def test_replicas_stop_writing_when_the_schema_was_raised(
    own: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with replicas(own.endpoints, "visor") as both:
        both[0].made("/apps", APP)
        own.ctl("put", "visor/schema", f"{SCHEMA + 1}")
        # At once: a transaction is guarded by it, whether its replica has seen it or not.
        for visor in both:
            refused = visor.put("/apps/cat/env/a", {"value": "1"})
            assert refused.status_code == 503, refused.text
        for visor in both:
            until(lambda visor=visor: visor.get("/readyz").status_code == 503, "it is said")
            assert RAISED in visor.get("/readyz").json()["detail"]
            refused = visor.post("/services", {"name": "a"})
            assert (refused.status_code, "schema" in refused.json()["detail"]) == (503, True), refused.text
            assert visor.get("/apps/cat").json()["env"] == {}, "reads go on"
        assert len([line for line in caplog.messages if "not ready" in line and RAISED in line]) == 2
        own.ctl("put", "visor/schema", f"{SCHEMA}")
        for visor in both:
            until_ok(lambda visor=visor: visor.get("/readyz"))
            _write(visor, "2")
