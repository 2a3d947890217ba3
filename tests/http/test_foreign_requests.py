"""Requests that a browser was made to send: by a page of another site, or under a name that a page has given
to the service's address (DNS rebinding). None of them does or shows anything."""

import socket

import pytest

from app.errors import StartError, UnknownHost
from app.http.hosts import Hosts
from app.settings import load
from tests.http.expect import refused
from tests.http.held import asked, heard, held_writes
from tests.serving import APP, Service, serving

EVIL = "https://evil.example.com"


@pytest.fixture(scope="module")
def alone():
    """A service on loopback that is told of no other host."""
    with serving(allowed_hosts="") as service:
        service.runnable()
        service.ticket()
        yield service


def allows(listens_on: str, host: str, *allowed: str) -> bool:
    try:
        Hosts(listens_on, allowed).check({b"host": host.encode("latin-1")})
    except UnknownHost:
        return False
    return True


OWN = ["localhost", "LocalHost:8000", "localhost.", "127.0.0.1", "127.0.0.1:1", "127.9.9.9", "[::1]"]
OWN += ["[::1]:80", ""]
STRANGE = ["evil.example.com", "localhost.evil.example.com", "x", "127.0.0.1.nip.io", "localhost:80:80"]
STRANGE += ["[::1", "local host", "a@localhost", "localhost/", "localhost,evil", "127.1", "0x7f000001", "*"]
STRANGE += ["é", "[localhost]"]


@pytest.mark.parametrize("host", OWN)
def test_this_machine_is_always_known(host):
    for listens_on in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::"):
        assert allows(listens_on, host)


@pytest.mark.parametrize("host", STRANGE)
def test_a_name_that_nobody_has_allowed_is_not(host):
    for listens_on in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::"):
        assert not allows(listens_on, host)
        assert allows(listens_on, host, "*")


def test_an_address_is_known_where_other_machines_may_ask():
    for host in ("10.0.0.7:8000", "[2001:db8::1]:8000"):
        assert allows("0.0.0.0", host)
        assert not allows("127.0.0.1", host)


def test_what_listens_for_others_goes_by_its_own_names():
    assert allows("0.0.0.0", socket.gethostname())
    assert not allows("127.0.0.1", "visor.internal")
    assert allows("visor.internal", "visor.internal:8000")


def test_an_allowed_host_has_any_port_or_the_one_that_is_named():
    allowed = ("Visor.example.com", "other.example.com:8443")
    assert allows("127.0.0.1", "visor.EXAMPLE.com:1", *allowed)
    assert allows("127.0.0.1", "visor.example.com.", *allowed)
    assert allows("127.0.0.1", "other.example.com:8443", *allowed)
    assert not allows("127.0.0.1", "other.example.com", *allowed)
    assert not allows("127.0.0.1", "a.visor.example.com", *allowed)


@pytest.mark.parametrize("value", ["a b", "https://visor.example.com", "visor/", "visor:port"])
def test_a_setting_that_is_no_host_stops_the_start(value):
    with pytest.raises(StartError, match=r"VISOR_ALLOWED_HOSTS \(--allowed-hosts\) is wrong"):
        load(allowed_hosts=value)


WAYS = [
    ("GET", "/apps"),
    ("GET", "/apps/cat?rev=1"),
    ("HEAD", "/apps/cat"),
    ("OPTIONS", "/apps"),
    ("POST", "/instances/1/stop"),
    ("PUT", "/apps/cat/env/cow"),
    ("DELETE", "/apps/cat"),
    ("GET", "/events"),
    ("GET", "/events/list"),
    ("GET", "/instances/1?status=running&wait=5"),
    ("GET", "/livez"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/"),
    ("GET", "/nowhere"),
    ("BREW", "/apps"),
]


@pytest.mark.parametrize(("method", "path"), WAYS)
def test_another_host_is_421_on_every_way(alone, method, path):
    if method == "BREW":
        method = "PROPFIND"
    before = alone.rev
    answer = alone.client.request(method, path, headers={"Host": "evil.example.com"})
    assert answer.status_code == 421
    if method != "HEAD":
        assert "evil.example.com" in refused(answer, 421, "unknown-host")["detail"]
    assert answer.headers["Visor-Rev"] == str(before)
    assert alone.rev == before


@pytest.mark.parametrize(("method", "path"), WAYS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_is_403_on_every_way(alone, method, path, headers):
    if method == "BREW":
        method = "PROPFIND"
    before = alone.rev
    answer = alone.client.request(method, path, headers=headers)
    assert answer.status_code == 403
    if method != "HEAD":
        assert "VISOR_CORS_ORIGINS" in refused(answer, 403, "foreign-origin")["detail"]
    assert "access-control-allow-origin" not in answer.headers
    assert alone.rev == before


def test_a_page_of_the_service_itself_may_ask(alone):
    own = f"http://127.0.0.1:{alone.port}"
    for headers in (
        {"Origin": own, "Sec-Fetch-Site": "same-origin"},
        {"Origin": own.upper().replace("HTTP", "http")},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert (
            alone.post("/instances/1/lost", {"client": "c", "reason": "r"}, headers=headers).status_code
            == 200
        )


def test_a_page_behind_a_proxy_that_ends_tls_is_the_services_own():
    with serving(allowed_hosts="visor.example.com", insecure=True) as visor:
        page = {
            "Host": "visor.example.com",
            "Origin": "https://visor.example.com",
            "X-Forwarded-For": "10.0.0.9",
        }
        assert visor.post("/apps", APP, headers=page).status_code == 201
        for origin in (
            "https://visor.example.com:8443",
            "https://a.visor.example.com",
            "ftp://visor.example.com",
        ):
            refused(visor.delete("/apps/cat", headers={**page, "Origin": origin}), 403, "foreign-origin")


def test_a_link_on_another_site_may_be_followed_and_nothing_more(alone):
    """A browser says so of a navigation, and shows the answer to nobody but its user."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert alone.get("/problems/not-found", headers=link).status_code == 200
    # A form that is sent is a navigation too.
    refused(alone.post("/instances/1/stop", headers=link), 403, "foreign-origin")
    for destination in ("iframe", "image", "script", "empty"):
        refused(alone.get("/apps", headers={**link, "Sec-Fetch-Dest": destination}), 403, "foreign-origin")


def test_a_configured_origin_may_ask():
    with serving(cors_origins=EVIL, allowed_hosts="") as visor:
        page = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
        assert visor.post("/apps", APP, headers=page).status_code == 201
        refused(visor.post("/apps", APP, headers={"Origin": EVIL + ":444"}), 403, "foreign-origin")
        refused(visor.get("/apps", headers={**page, "Host": "evil.example.com"}), 421, "unknown-host")
    with serving(cors_origins="*") as visor:
        for headers in ({"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            assert visor.get("/apps", headers=headers).status_code == 200


PROXIED = ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"]


@pytest.mark.parametrize("header", PROXIED)
def test_what_a_proxy_passes_on_to_a_service_for_its_own_machine_is_refused(alone, header):
    """To the service it comes from loopback, and a proxy that writes its own Host hides who was asked."""
    said = refused(alone.get("/apps", headers={header: "x"}), 421, "unknown-host")
    assert "VISOR_ALLOWED_HOSTS" in said["detail"]
    with serving(allowed_hosts="visor.example.com") as visor:
        refused(visor.get("/apps", headers={header: "x"}), 401, "unauthenticated")
    with serving(allowed_hosts="visor.example.com", insecure=True) as visor:
        assert visor.get("/apps", headers={header: "x"}).status_code == 200


def test_a_client_that_names_no_host_is_no_browser(alone):
    with asked(alone, b"GET /apps HTTP/1.0\r\n\r\n") as one:
        assert heard(one).startswith(b"HTTP/1.1 200")


def test_a_target_with_another_host_in_it_is_refused(alone: Service):
    head = b"GET http://evil.example.com/apps HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with asked(alone, head) as one:
        assert heard(one).startswith(b"HTTP/1.1 421")


def test_a_service_that_is_full_tells_a_foreign_page_nothing_more():
    with serving(max_requests=1, allowed_hosts="x", place_timeout=0.0) as visor, held_writes(visor, 1):
        refused(visor.get("/apps", headers={"Host": "evil.example.com"}), 421, "unknown-host")
        refused(visor.get("/apps", headers={"Origin": EVIL}), 403, "foreign-origin")
        refused(visor.get("/apps"), 429, "too-many-requests")
