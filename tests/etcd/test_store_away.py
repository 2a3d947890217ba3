"""etcd is away: what is held goes on, the rest says so in time, and all comes back by itself."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.etcd.cluster import Cluster, free_port
from tests.etcd.replicas import BOUNDED, events_after, is_away, replicas, store_url, timed, until_ok
from tests.serving import APP
from tests.sse.sse_reader import SseStream


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path).start()
    yield cluster
    cluster.stop()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_an_outage_is_said_within_3_s_and_ends_without_a_restart(own: Cluster, how: str) -> None:
    member = own.members[0]
    with (
        replicas(own.endpoints, "visor", 1, keep_alive=0.2) as (visor,),
        SseStream(visor.port, "/events") as stream,
    ):
        visor.made("/apps", APP)
        rev = visor.rev
        assert stream.event().rev == rev
        member.kill() if how == "killed" else member.freeze()
        calls = [
            partial(visor.get, "/apps"),
            partial(visor.post, "/services", {"name": "a"}),
            partial(visor.put, "/apps/cat/env/a", {"value": "1"}),
            partial(visor.post, "/instances/claim", {"host": "10.0.0.7"}),
            partial(visor.get, f"/apps?rev={rev + 100_000}"),
            partial(visor.put, "/members/pms/10.0.0.7", {"version": "1", "ttl": 60}),
        ]
        for _ in range(2):
            with ThreadPoolExecutor(len(calls)) as pool:
                results = []
                for call in calls:
                    results.append(pool.submit(timed, call))
                    time.sleep(0.1)
            for answer, took in (result.result() for result in results):
                is_away(answer)
                assert took < BOUNDED, (took, answer.text)
        assert visor.get(f"/apps/cat?rev={rev}").status_code == 200
        assert visor.get("/apps/cat?consistency=stale").status_code == 200
        assert visor.get("/livez").status_code == 200
        ready = visor.get("/readyz")
        assert (ready.status_code, "etcd" in ready.json()["detail"]) == (503, True)
        frame = stream.next()
        assert frame is not None
        assert frame.comment == "keep-alive", "streams stay open"
        member.start() if how == "killed" else member.thaw()
        own.wait_healthy(member)
        began = time.monotonic()
        until_ok(lambda: visor.put("/apps/cat/env/back", {"value": "1"}))
        assert time.monotonic() - began < BOUNDED, "soon after it is back"
        # The frozen one may still find, and carry out, what lay in its buffers: unknown, not failed.
        made = [event["rev"] for event in events_after(visor, rev)]
        seen = [stream.event() for _ in made]
        assert [frame.rev for frame in seen] == made
        assert seen[-1].said["object"]["env"]["back"] == "1"
        until_ok(lambda: visor.get("/readyz"))


def test_a_start_without_etcd_is_one_line_and_1(tmp_path: Path) -> None:
    port = free_port()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "app.cli",
            "serve",
            "--port",
            "0",
            "--store",
            store_url([f"127.0.0.1:{port}"], "v"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"visor: etcd does not answer at 127.0.0.1:{port}")
