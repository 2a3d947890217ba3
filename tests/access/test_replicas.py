"""Tokens on several replicas: a new one is good at once, a revoked one ends everywhere, and none is believed
where what was revoked elsewhere cannot be known. `VISOR_TEST_NEW_TOKENS` says how many new tokens."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.http import access
from app.models.token import new_id, new_token, sha256_of
from tests.access.holders import give, grant, let_root_in
from tests.conftest import STORES
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import line, replicas, store_url
from tests.http.expect import refused
from tests.serving import APP, Service, serving
from tests.sse.sse_reader import SseStream

pytestmark = pytest.mark.skipif("etcd" not in STORES, reason="the other stores have one process")


NEW_TOKENS = int(os.environ.get("VISOR_TEST_NEW_TOKENS", "100"))
STREAMS = 200


@pytest.fixture(scope="module")
def three(etcd: Cluster) -> Iterator[list[Service]]:
    """No look at what no commit says, no comment and no bookmark comes within an hour: what ends one of their
    streams is the event of its token, and nothing else."""
    root = new_token(new_id())
    an_hour = dict.fromkeys(("keep_alive", "bookmark"), 3600.0)
    with ExitStack() as open_:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(access, "LOOK_SECONDS", 3600.0)
            services = open_.enter_context(
                replicas(
                    etcd.endpoints,
                    "access",
                    3,
                    admin_token_sha256=sha256_of(root),
                    client_writes=0,
                    **an_hour,
                )
            )
            for service in services:
                let_root_in(service, root)
                # Its first look is an hour away by now.
                assert service.get("/tokens").status_code == 200
        yield services


def test_a_new_token_is_good_at_once_on_another_replica(three: list[Service]) -> None:
    here, there, _ = three
    for _ in range(NEW_TOKENS):
        holder = give(here, grant("viewer", apps=["cat"]))
        assert holder.at(there).get("/tokens/self").status_code == 200


def test_a_revoked_token_ends_on_all_replicas(three: list[Service]) -> None:
    """200 streams on three replicas end by the event of the revocation, as fast as events come: nothing else
    would end one of them within the time that a reader waits."""
    here = three[0]
    here.post("/apps", APP)
    holder = give(here, grant("viewer", apps=["cat"]))
    with ExitStack() as open_:
        streams = [
            open_.enter_context(SseStream(three[n % 3].port, "/events", headers=holder.headers))
            for n in range(STREAMS)
        ]
        for stream in streams:
            assert stream.next() is not None
        last = int(here.put("/apps/cat/env/k", {"value": holder.id}).headers["Visor-Rev"])
        for stream in streams:
            assert stream.events(1)[0].rev == last
        began = time.monotonic()
        here.delete(f"/tokens/{holder.id}")
        for stream in streams:
            stream.rest()
            assert stream.whole
        seconds = time.monotonic() - began
    print(f"{STREAMS} streams: all ended in {seconds:.2f} s")  # noqa: T201
    for one in three:
        refused(holder.at(one).get("/apps"), 401, "unauthenticated")


def test_a_write_is_judged_by_grants_that_another_replica_has_narrowed(three: list[Service]) -> None:
    here, there, _ = three
    here.post("/apps", APP)
    for n in range(20):
        holder = give(here, grant("deployer", apps=["cat"]))
        assert holder.at(there).ask("PUT", "/apps/cat/env/k", {"value": f"{n}"}).status_code == 200
        here.delete(f"/tokens/{holder.id}")
        answer = holder.at(there).ask("PUT", "/apps/cat/env/k", {"value": f"{n} again"})
        refused(answer, 401, "unauthenticated")


def test_a_replica_that_cannot_ask_believes_no_token(etcd: Cluster) -> None:
    """Its streams end, and its stale reads are refused: what was revoked elsewhere it does not know. It waits
    for 8 seconds without a proof, and looks twice a second: below 10, where the machine has the time."""
    assert access.UNPROVEN_SECONDS + access.LOOK_SECONDS < 10
    root = new_token(new_id())
    with line(etcd) as cable:
        url = store_url([cable.endpoint], "access-cut-off")
        settings = {"admin_token_sha256": sha256_of(root), "commit_timeout": 2.5, "keep_alive": 3600.0}
        with serving(store=url, **settings) as service:
            let_root_in(service, root)
            service.made("/apps", APP)
            holder = give(service, grant("viewer", apps=["cat"]))
            with SseStream(service.port, "/events", headers=holder.headers) as stream:
                assert stream.next() is not None
                began = time.monotonic()
                cable.down()
                stream.rest()
                assert stream.whole
                seconds = time.monotonic() - began
                print(f"cut off from etcd: its stream ended after {seconds:.2f} s")  # noqa: T201
            while (answer := holder.get("/apps/cat?consistency=stale")).status_code == 200:
                time.sleep(0.1)
            refused(answer, 503, "coordinator-unavailable")
            cable.up()
            while (answer := holder.get("/apps/cat")).status_code == 503:
                time.sleep(0.1)
            assert answer.status_code == 200
