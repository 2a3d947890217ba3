"""Runners: which process on which host runs which instance (DESIGN section 4)."""

import pytest

from tests.http.expect import invalid, refused


def test_a_runner_is_registered_read_and_unregistered(visor):
    """Its instance need not be registered: a host tells what it finds."""
    answer = visor.post("/runners", {"addr": "10.0.0.7:9000", "instance_id": 17})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/runners/10.0.0.7:9000"
    made = answer.json()
    assert made == {
        "addr": "10.0.0.7:9000",
        "host": "10.0.0.7",
        "instance_id": 17,
        "rev": visor.nth(1),
        "created_rev": visor.nth(1),
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert visor.get("/runners/10.0.0.7:9000").json() == made
    assert visor.get("/runners").json() == {"rev": visor.nth(1), "items": [made], "next": None}
    refused(visor.post("/runners", {"addr": "10.0.0.7:9000", "instance_id": 18}), 409, "already-exists")
    assert visor.delete("/runners/10.0.0.7:9000").json() == {"rev": visor.nth(2)}
    refused(visor.get("/runners/10.0.0.7:9000"), 404, "not-found")
    refused(visor.delete("/runners/10.0.0.7:9000"), 404, "not-found")
    assert visor.rev == visor.nth(2)


@pytest.mark.parametrize(
    ("addr", "host"),
    [
        ("10.0.0.7:1", "10.0.0.7"),
        ("box7.example.com:9000", "box7.example.com"),
        ("[2001:db8::7]:80", "2001:db8::7"),
    ],
)
def test_the_host_is_the_one_of_the_address(visor, addr, host):
    assert visor.made("/runners", {"addr": addr, "instance_id": 1})["host"] == host
    assert [one["addr"] for one in visor.get("/runners", params={"host": host}).json()["items"]] == [addr]
    assert visor.get(f"/runners/{addr}").json()["host"] == host


def test_runners_of_a_host(visor):
    for addr in ("10.0.0.7:9001", "10.0.0.70:9000", "10.0.0.7:9000", "10.0.0.8:9000"):
        visor.made("/runners", {"addr": addr, "instance_id": 1})

    def of(host: str) -> list[str]:
        return [one["addr"] for one in visor.get("/runners", params={"host": host}).json()["items"]]

    assert of("10.0.0.7") == ["10.0.0.7:9000", "10.0.0.7:9001"]
    assert of("10.0.0.9") == []
    invalid(visor.get("/runners?host=10.0.0.7:9000"), "query", "host")
    visor.delete("/runners/10.0.0.7:9000")
    assert of("10.0.0.7") == ["10.0.0.7:9001"]
    then = visor.get(f"/runners?host=10.0.0.7&rev={visor.nth(4)}").json()
    assert [one["addr"] for one in then["items"]] == ["10.0.0.7:9000", "10.0.0.7:9001"]


def test_a_runner_may_not_say_its_host(visor):
    body = {"addr": "10.0.0.7:9000", "host": "10.0.0.8", "instance_id": 1}
    invalid(visor.post("/runners", body), "body", "host")
