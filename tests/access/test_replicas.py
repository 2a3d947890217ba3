"""Tokens on several replicas: a new one is good at once, a revoked one ends everywhere, and none is believed
where what was revoked elsewhere cannot be known. `VISOR_TEST_NEW_TOKENS` says how many new tokens."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.http import access
from app.models.token import new_id, new_token, sha256_of
from tests.access.holders import behind, give, grant, let_root_in, regrant
from tests.conftest import STORES
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import line, replicas, store_url, until_ok
from tests.http.expect import refused
from tests.serving import APP, Service, serving
from tests.sse.sse_reader import SseStream

pytestmark = pytest.mark.skipif("etcd" not in STORES, reason="the other stores have one process")


NEW_TOKENS = int(os.environ.get("VISOR_TEST_NEW_TOKENS", "100"))
STREAMS = 200
STALE = "/apps/cat?consistency=stale"


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
    """The one that is asked has not heard of it: the transaction tells."""
    here, there, _ = three
    here.post("/apps", APP)
    for n in range(10):
        revoked, narrowed = (give(here, grant("deployer", apps=["cat"])) for _ in range(2))
        for holder in (revoked, narrowed):
            answer = holder.at(there).ask("PUT", "/apps/cat/env/k", {"value": f"{holder.id} {n}"})
            assert answer.status_code == 200
        with behind(there):
            here.delete(f"/tokens/{revoked.id}")
            regrant(narrowed, grant("viewer", apps=["cat"]))
            for holder, status, code in ((revoked, 401, "unauthenticated"), (narrowed, 403, "forbidden")):
                answer = holder.at(there).ask("PUT", "/apps/cat/env/k", {"value": f"{n} again"})
                refused(answer, status, code)


def test_a_replica_that_is_cut_off_from_etcd_believes_no_token(etcd: Cluster) -> None:
    """Of three replicas one is cut off: its streams end, and its stale reads are refused, for it knows
    nothing of what was revoked elsewhere. It waits for 8 seconds without a proof, and looks twice a second:
    below 10, where the machine has the time. The others go on; a token that was revoked meanwhile is refused
    when the third is back."""
    assert access.UNPROVEN_SECONDS + access.LOOK_SECONDS < 10
    root = new_token(new_id())
    settings = {"admin_token_sha256": sha256_of(root), "commit_timeout": 2.5, "keep_alive": 3600.0}
    with ExitStack() as open_:
        here, there = open_.enter_context(replicas(etcd.endpoints, "access-cut-off", 2, **settings))
        cable = open_.enter_context(line(etcd))
        third = open_.enter_context(serving(store=store_url([cable.endpoint], "access-cut-off"), **settings))
        for service in (here, there, third):
            let_root_in(service, root)
        here.made("/apps", APP)
        holder, revoked = (give(here, grant("viewer", apps=["cat"])) for _ in range(2))
        streams = {
            service: [
                open_.enter_context(SseStream(service.port, "/events", headers=one.headers))
                for one in (holder, revoked)
            ]
            for service in (there, third)
        }
        for each in streams.values():
            assert all(stream.next() is not None for stream in each)
        assert revoked.at(third).get(STALE).status_code == 200
        began = time.monotonic()
        cable.down()
        here.delete(f"/tokens/{revoked.id}")
        last = int(here.put("/apps/cat/env/k", {"value": "after"}).headers["Visor-Rev"])
        for stream in streams[third]:
            assert [frame for frame in stream.rest() if frame.is_event] == []
            assert stream.whole
        seconds = time.monotonic() - began
        print(f"cut off from etcd: its streams ended after {seconds:.2f} s")  # noqa: T201
        goes_on, ended = streams[there]
        assert goes_on.events(1)[0].rev == last
        assert [frame for frame in ended.rest() if frame.is_event] == []
        refused(revoked.at(third).get(STALE), 503, "coordinator-unavailable")
        cable.up()
        assert until_ok(lambda: holder.at(third).get("/apps/cat")).status_code == 200
        refused(revoked.at(third).get(STALE), 401, "unauthenticated")
