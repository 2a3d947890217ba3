"""Services and endpoints: what an SRV record needs (DESIGN section 4)."""

import pytest

from tests.http.expect import invalid, refused

ENDPOINT = {"addr": "10.0.0.7", "port": 11211}


@pytest.fixture
def memcached(visor):
    visor.made("/services", {"name": "memcached"})
    return visor


def test_a_service_is_registered_read_and_unregistered(visor):
    answer = visor.post("/services", {"name": "memcached"})
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/services/memcached"
    made = answer.json()
    assert made == {
        "name": "memcached",
        "rev": visor.nth(1),
        "created_rev": visor.nth(1),
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert visor.get("/services/memcached").json() == made
    assert visor.get("/services").json() == {"rev": visor.nth(1), "items": [made], "next": None}
    refused(visor.post("/services", {"name": "memcached"}), 409, "already-exists")
    assert visor.delete("/services/memcached").json() == {"rev": visor.nth(2)}
    refused(visor.get("/services/memcached"), 404, "not-found")
    refused(visor.delete("/services/memcached"), 404, "not-found")
    assert visor.rev == visor.nth(2)


def test_an_endpoint_is_registered_read_and_unregistered(memcached):
    path = "/services/memcached/endpoints"
    answer = memcached.post(path, ENDPOINT)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{path}/10-0-0-7-11211"
    made = answer.json()
    assert made == {
        "service": "memcached",
        "id": "10-0-0-7-11211",
        "addr": "10.0.0.7",
        "ip": "10.0.0.7",
        "port": 11211,
        "priority": 0,
        "weight": 0,
        "target": None,
        "rev": memcached.nth(2),
        "created_rev": memcached.nth(2),
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert memcached.get(answer.headers["Location"]).json() == made
    assert memcached.get(path).json() == {"rev": memcached.nth(2), "items": [made], "next": None}
    refused(memcached.post(path, {**ENDPOINT, "weight": 5}), 409, "already-exists")
    assert memcached.delete(answer.headers["Location"]).json() == {"rev": memcached.nth(3)}
    refused(memcached.get(answer.headers["Location"]), 404, "not-found")
    refused(memcached.delete(answer.headers["Location"]), 404, "not-found")
    assert memcached.get("/services/memcached").status_code == 200, "the service stays"


def test_what_may_be_said_of_an_endpoint(memcached):
    said = {
        **ENDPOINT,
        "addr": "box7.example.com",
        "ip": "10.0.0.8",
        "priority": 65535,
        "weight": 65535,
        "target": "t.example.com",
    }
    made = memcached.made("/services/memcached/endpoints", said)
    assert {field: made[field] for field in said} == said
    assert made["id"] == "box7-example-com-11211"


@pytest.mark.parametrize(
    ("addr", "port", "id"),
    [
        ("10.0.0.7", 1, "10-0-0-7-1"),
        ("::1", 65535, "--1-65535"),
        ("2001:db8::7", 80, "2001-db8--7-80"),
        ("a-b_c.example.com", 80, "a-b_c-example-com-80"),
        ("A", 80, "a-80"),
    ],
)
def test_the_id_is_made_of_addr_and_port(memcached, addr, port, id):
    body = {"addr": addr, "port": port, "ip": "10.0.0.7"}
    answer = memcached.post("/services/memcached/endpoints", body)
    assert answer.json()["id"] == id
    assert answer.headers["Location"] == f"/services/memcached/endpoints/{id}"
    assert memcached.get(answer.headers["Location"]).json()["addr"] == addr.lower()


def test_the_longest_address_can_be_read_back(memcached):
    addr = ".".join(["a" * 63] * 3 + ["b" * 61])
    answer = memcached.post("/services/memcached/endpoints", {"addr": addr, "port": 65535, "ip": "::1"})
    assert answer.status_code == 201
    assert memcached.get(answer.headers["Location"]).json()["addr"] == addr.lower()


def test_a_name_is_resolved_if_no_ip_is_given(memcached):
    made = memcached.made("/services/memcached/endpoints", {"addr": "localhost", "port": 1})
    assert (made["addr"], made["ip"]) == ("localhost", "127.0.0.1")
    assert memcached.made("/services/memcached/endpoints", {"addr": "::1", "port": 1})["ip"] == "::1"


def test_a_name_that_does_not_resolve_is_refused(memcached):
    path, body = "/services/memcached/endpoints", {"addr": "nothing.invalid", "port": 1}
    entry = invalid(memcached.post(path, body), "body", "addr")
    assert "does not resolve" in entry["msg"]
    assert memcached.rev == memcached.nth(1)
    assert memcached.made(path, {**body, "ip": "10.0.0.7"})["addr"] == "nothing.invalid"


def test_endpoints_of_a_service_that_is_not_there(visor):
    path = "/services/memcached/endpoints"
    refused(visor.get(path), 404, "not-found")
    refused(visor.post(path, ENDPOINT), 404, "not-found")
    refused(visor.post(path, {"addr": "nothing.invalid", "port": 1}), 404, "not-found")
    refused(visor.get(f"{path}/10-0-0-7-11211"), 404, "not-found")
    assert visor.rev == visor.nth(0)


def test_endpoints_go_with_their_service_in_one_commit(memcached):
    """And not those of a service whose name begins with its name."""
    memcached.made("/services", {"name": "memcached-2"})
    for service in ("memcached", "memcached-2"):
        for port in (1, 2):
            memcached.made(f"/services/{service}/endpoints", {**ENDPOINT, "port": port})
    before = memcached.rev
    assert memcached.delete("/services/memcached").json() == {"rev": memcached.after(before)}
    assert memcached.rev == memcached.after(before)
    refused(memcached.get("/services/memcached/endpoints/10-0-0-7-1"), 404, "not-found")
    assert len(memcached.get("/services/memcached-2/endpoints").json()["items"]) == 2
    memcached.made("/services", {"name": "memcached"})
    assert memcached.get("/services/memcached/endpoints").json()["items"] == []
