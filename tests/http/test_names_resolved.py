"""An endpoint without an ip: its name is looked up, and no name that is slow keeps anybody else waiting."""

import threading
import time
from collections.abc import Iterator

import pytest

from app.errors import StartError
from app.http.resolving import REMEMBERED
from app.settings import load
from tests.http.expect import invalid, refused
from tests.name_server import NameServer, name_server
from tests.serving import Service, serving

PATH = "/services/db/endpoints"


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


@pytest.fixture
def visor(names: NameServer) -> Iterator[Service]:
    with serving(nameservers=names.address, max_writes=80) as service:
        service.made("/services", {"name": "db"})
        yield service


def register(visor: Service, addr: str, port: int = 1, **headers: str):
    return visor.post(PATH, {"addr": addr, "port": port}, headers=headers)


@pytest.mark.parametrize(("addr", "ip"), [("db.example.com", "10.0.0.9"), ("six.example.com", "2001:db8::9")])
def test_the_address_is_the_first_ipv4_one_or_else_the_first_ipv6_one(visor, addr, ip):
    assert register(visor, addr).json()["ip"] == ip


@pytest.mark.parametrize("addr", ["none.example.com", "empty.example.com", "a..b"])
def test_a_name_that_does_not_exist_is_the_requests_fault(visor, addr):
    before = visor.rev
    entry = invalid(register(visor, addr), "body", "addr")
    assert entry["loc"] == ["body", "addr"]
    assert visor.rev == before


@pytest.mark.parametrize("addr", ["broken.example.com", "slow.example.com"])
def test_where_nobody_can_tell_whether_it_exists_it_is_503(visor, addr):
    """A valid name was told to be none, 422, when the look-up took too long."""
    before = visor.rev
    answer = register(visor, addr)
    refused(answer, 503, "resolver-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert visor.rev == before


def test_slow_names_do_not_hold_up_the_others(visor):
    """Twelve of them blocked every look-up of the process: uvloop has four threads for them."""
    slow = [threading.Thread(target=register, args=(visor, f"slow{n}.example.com")) for n in range(16)]
    for thread in slow:
        thread.start()
    while visor.context.resolver.waiting < len(slow):
        time.sleep(0.005)
    for number in range(50):
        assert register(visor, f"db{number}.example.com").status_code == 201
    assert visor.context.resolver.waiting == len(slow), "they were answered before any of the slow ones"
    for thread in slow:
        thread.join()
    assert visor.context.resolver.waiting == 0


def test_so_many_callers_wait_at_a_time_and_no_more(visor):
    """A quarter of the places for writes: the others stay free for those who write."""
    slow = [threading.Thread(target=register, args=(visor, "slow.example.com", n)) for n in range(1, 21)]
    for thread in slow:
        thread.start()
    while visor.context.resolver.waiting < len(slow):
        time.sleep(0.005)
    refused(register(visor, "db.example.com"), 503, "resolver-unavailable")
    assert visor.post("/services", {"name": "other"}).status_code == 201
    assert visor.made(PATH, {"addr": "db.example.com", "port": 1, "ip": "10.0.0.1"})["ip"] == "10.0.0.1"
    for thread in slow:
        thread.join()
    assert register(visor, "db2.example.com").status_code == 201


def test_callers_for_the_same_name_share_the_question_and_its_answer(visor, names):
    threads = [threading.Thread(target=register, args=(visor, "db.example.com", n)) for n in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(visor.get(PATH).json()["items"]) == 10
    assert names.asked["db.example.com"] <= 4, "an A and an AAAA, kept for as long as their TTL says"


def test_what_was_answered_is_not_kept_for_ever(visor, names):
    assert register(visor, "db.example.com").status_code == 201
    asked = names.asked["db.example.com"]
    visor.context.resolver._names = REMEMBERED
    assert register(visor, "db.example.com", 2).status_code == 201
    assert names.asked["db.example.com"] == 2 * asked


def test_a_retry_is_answered_whatever_the_name_service_says_by_now(visor, names):
    first = register(visor, "db.example.com", **{"Idempotency-Key": "k"})
    names.silent = True
    visor.context.resolver._names = REMEMBERED
    again = register(visor, "db.example.com", **{"Idempotency-Key": "k"})
    assert (again.status_code, again.content) == (201, first.content)
    refused(register(visor, "db.example.com", 2), 503, "resolver-unavailable")


def test_a_service_ends_while_names_are_looked_up(names):
    with serving(nameservers=names.address, shutdown_timeout=1) as visor:
        visor.made("/services", {"name": "db"})
        threading.Thread(target=lambda: _ended(visor), daemon=True).start()
        while not visor.context.resolver.waiting:
            time.sleep(0.005)


def _ended(visor: Service) -> None:
    try:
        register(visor, "slow.example.com")
    except Exception:
        return


@pytest.mark.parametrize("given", ["nobody", "10.0.0.1:0", "10.0.0.1:x", "10.0.0.1:53:53", "[::1]:"])
def test_what_is_no_name_server_stops_the_start(given):
    with pytest.raises(StartError, match="NAMESERVERS"):
        load(nameservers=given)


def test_name_servers_are_addresses_with_or_without_a_port():
    given = ["10.0.0.1", "10.0.0.2:5353", "::1", "[::1]:5353"]
    assert load(nameservers=", ".join(given)).nameservers == given
