"""etcd's quota is used up: 507, nothing is changed, reads go on, and it ends when there is room again."""

import logging
from collections.abc import Iterator
from functools import partial

import pytest

from tests.etcd.cluster import Cluster, until
from tests.etcd.replicas import events_after, replicas, until_ok
from tests.serving import APP


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("full"), args=["--quota-backend-bytes", str(6 * 1024 * 1024)])
    yield cluster.start()
    cluster.stop()


def test_a_full_etcd_is_507_and_writes_come_back_with_the_room(
    small: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with replicas(small.endpoints, "visor") as (visor, other):
        visor.made("/apps", APP)
        for number in range(400):
            answer = visor.put("/apps/cat/env/big", {"value": f"{number}" + "x" * 60_000})
            if answer.status_code != 200:
                break
        assert answer.status_code == 507, answer.text
        assert answer.json()["code"] == "storage-full"
        rev = visor.rev
        for service in (visor, other):
            again = service.post("/services", {"name": "a"})
            assert (again.status_code, again.json()["code"]) == (507, "storage-full")
            assert service.get("/services").json()["items"] == []
            assert service.get("/apps/cat/env/big").json()["value"].startswith(f"{number - 1}x")
            ttl = service.put("/members/pms/10.0.0.7", {"version": "1", "ttl": 60})
            assert ttl.status_code == 507, ttl.text
            until(lambda service=service: service.get("/readyz").status_code == 503, "it is said")
            assert "quota" in service.get("/readyz").json()["detail"]
        assert visor.rev == other.rev == rev, "nothing was changed"
        said = [line for line in caplog.messages if "quota" in line]
        assert [line.partition(":")[0] for line in said] == ["not ready"] * 2, "each says it once"
        small.compact(small.revision())
        small.ctl("defrag")
        small.ctl("alarm", "disarm")
        # Without a write: a balancer that has taken it out sends none.
        for service in (visor, other):
            until_ok(partial(service.get, "/readyz"))
        assert len([line for line in caplog.messages if "ready again" in line and "quota" in line]) == 2
        visor.made("/services", {"name": "a"})
        assert [event["type"] for event in events_after(other, rev)] == ["service-register"]
