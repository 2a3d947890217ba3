"""Starting on an etcd: what is refused, what is shared, and several processes on one port."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.errors import StartError
from app.store.etcd.layout import SCHEMA
from app.store.etcd.revs import rev_of, revision_of
from tests.cli.running import children
from tests.etcd.cluster import Cluster, free_port, until
from tests.etcd.replicas import at_once, events_after, replicas, store_url
from tests.serving import APP, Service, serving

VISOR = [sys.executable, "-m", "app.cli", "serve", "--log-level", "error"]


@contextmanager
def process(*flags: str) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen([*VISOR, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
        running.communicate(timeout=120)


@pytest.mark.parametrize(("schema", "words"), [("99", "schema 99"), ("x", "no schema")])
def test_a_schema_that_is_not_known_is_refused_in_one_line(
    etcd: Cluster, tmp_path: Path, schema: str, words: str
) -> None:
    etcd.ctl("put", f"{tmp_path.name}/schema", schema)
    before = etcd.ctl("get", "--prefix", f"{tmp_path.name}/", "-w", "fields").splitlines()[4:]
    done = subprocess.run(
        [*VISOR, "--port", "0", "--store", store_url(etcd.endpoints, tmp_path.name)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("visor: ")
    assert words in line
    # Its own keys alone: others end their leases on the same etcd.
    after = etcd.ctl("get", "--prefix", f"{tmp_path.name}/", "-w", "fields").splitlines()[4:]
    assert after == before, "nothing was written"


def test_replicas_that_start_at_once_on_an_empty_etcd_write_the_schema_once(
    etcd: Cluster, tmp_path: Path
) -> None:
    url = store_url(etcd.endpoints, tmp_path.name)
    started: list[Service] = []
    stop = threading.Event()

    def run() -> None:
        with serving(store=url) as service:
            started.append(service)
            stop.wait(30)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(started) == 3, "all have started")
    try:
        revs = at_once([lambda s=service: s.rev for service in started])
        assert len(set(revs)) == 1
        schema = f"{tmp_path.name}/schema"
        said = etcd.ctl("get", schema, "-w", "json")
        assert '"version":1' in said, "written once"
        started[0].made("/apps", APP)
        assert {service.get("/apps").content for service in started} == {started[0].get("/apps").content}
        assert len(events_after(started[1])) >= 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def running(etcd: Cluster, prefix: str, keys: dict[str, str]) -> Iterator[list[Service]]:
    """Two replicas on a registry that somebody else has written."""
    for key, value in keys.items():
        etcd.ctl("put", f"{prefix}/{key}", value)
    with replicas(etcd.endpoints, prefix, 2) as two:
        yield two


OLD_APP = (
    '{"created_at":"2026-11-01T00:00:00.000000Z","updated_at":"2026-11-01T00:00:00.000000Z","name":"cat",'
)
OLD_APP += (
    '"repo_url":"https://git.example.com/cat.git","stack":"lenny","deploy_type":"lxc","head":null,"env":{}}'
)
OLD_JOURNAL = '{"at":"2026-11-01T00:00:00+00:00","actor":"anna","request":"POST /apps","id":"x","total":7}'


@pytest.mark.parametrize("schema", ["1", "2"])
def test_a_registry_of_an_older_schema_is_taken_over_with_its_history_gone(
    etcd: Cluster, tmp_path: Path, schema: str
) -> None:
    """What an older version kept stays, as it was. Its revs were etcd's own: none of them is read as one of
    ours. That version refuses to start from then on."""
    old = {"schema": schema, "fence/store": "f" * 32, "app/cat": OLD_APP, "journal": OLD_JOURNAL}
    with running(etcd, tmp_path.name, old) as two:
        revision = etcd.revision()
        assert [service.get("/schema").json() for service in two] == [{"version": SCHEMA}] * 2
        assert len({service.get("/apps").content for service in two}) == 1
        app = two[1].get("/apps/cat")
        rev = app.json()["rev"]
        assert (rev, app.json()["created_rev"]) == (rev_of(revision_of(rev)),) * 2
        oldest = two[0].get("/rev").json()["oldest_rev"]
        assert rev < oldest == two[0].rev <= rev_of(revision, 1)
        past = [f"/apps?rev={number}" for number in (0, revision_of(rev), rev)]
        for path in (*past, f"/events/list?rev={rev}"):
            for service in two:
                gone = service.get(path)
                assert (gone.status_code, gone.json()["code"]) == (410, "rev-compacted"), gone.text
                assert gone.json()["oldest_rev"] == oldest
        answer = two[0].patch("/apps/cat", {"stack": "x"}, headers={"If-Match": app.headers["ETag"]})
        assert answer.status_code == 200, answer.text
        changed = answer.json()
        assert changed["rev"] > oldest
        now = two[1].get("/apps/cat").json()
        assert (now["rev"], now["created_rev"], now["stack"]) == (changed["rev"], rev, "x")
        assert [event["type"] for event in events_after(two[1], oldest)] == ["app-update"]
        before = two[1].get("/apps/cat").content
    with replicas(etcd.endpoints, tmp_path.name, 1) as (one,):
        assert one.get("/apps/cat").content == before
        assert one.get("/rev").json()["oldest_rev"] == oldest
    assert etcd.ctl("get", f"{tmp_path.name}/schema", "--print-value-only").strip() == str(SCHEMA)


def test_two_prefixes_do_not_see_each_other(etcd: Cluster, tmp_path: Path) -> None:
    with (
        replicas(etcd.endpoints, tmp_path.name, 1) as (one,),
        replicas(etcd.endpoints, tmp_path.name + "2", 1) as (other,),
    ):
        one.made("/apps", APP)
        assert other.get("/apps").json()["items"] == []
        other.made("/apps", APP)
        other.delete("/apps/cat")
        assert one.get("/apps/cat").status_code == 200
        assert [event["type"] for event in events_after(one, one.get("/apps/cat").json()["rev"] - 1)] == [
            "app-register"
        ]


def test_workers_share_a_port_come_again_when_killed_and_end_with_0(etcd: Cluster, tmp_path: Path) -> None:
    port = free_port()
    url = store_url(etcd.endpoints, tmp_path.name)
    with process("--workers", "2", "--port", str(port), "--store", url) as parent:

        def answers() -> bool:
            try:
                answer = httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=60)
            except httpx2.TransportError:
                return False
            return answer.status_code == 200

        until(answers, "it serves")
        until(lambda: len(children(parent.pid)) == 2, "two workers")
        first, second = children(parent.pid)
        with socket.socket() as probe:
            probe.connect(("127.0.0.1", port))
        subprocess.run(["kill", "-KILL", str(first)], check=True)
        until(
            lambda: second in children(parent.pid) and len(set(children(parent.pid)) - {first}) == 2,
            "again two",
        )
        for number in range(6):
            made = httpx2.post(f"http://127.0.0.1:{port}/services", json={"name": f"s{number}"}, timeout=30)
            assert made.status_code == 201, made.text
            assert httpx2.get(f"http://127.0.0.1:{port}/services/s{number}", timeout=30).status_code == 200
        workers = children(parent.pid)
        parent.send_signal(signal.SIGTERM)
        _, said = parent.communicate(timeout=120)
        assert parent.returncode == 0, said
        assert "Traceback" not in said
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers), "all of them have ended"


def test_an_embedded_store_has_one_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [*VISOR, "--workers", "2", "--port", "0", "--store", f"sqlite:///{tmp_path}/visor.db"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "an embedded store belongs to one process" in line


def test_a_start_is_refused_with_a_line_and_not_with_a_traceback() -> None:
    with pytest.raises((StartError, RuntimeError)), serving(store="etcd://user:secret@127.0.0.1:1/x"):
        pass
