"""A client's certificate whose SAN is a host may do what a host may, as that host alone."""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from app import logs
from app.http.certificate import certificate_of
from tests.access.holders import give, grant
from tests.access.test_sessions import begun
from tests.http.expect import refused
from tests.http.test_audit import audit_nowhere
from tests.serving import Service
from tests.tls.authority import Authority
from tests.tls.conftest import Site

START = {"hostname": "box7.example.com", "port": 8000}


@pytest.fixture
def box7(site: Site, secure: Service) -> Iterator[httpx2.Client]:
    with site.client(secure, site.host) as client:
        yield client


def test_a_host_claims_starts_and_ends_by_its_certificate_alone(secure: Service, box7: httpx2.Client) -> None:
    id = secure.ticket()
    claimed = box7.post(f"/instances/{id}/claim", json={"host": "10.0.0.7"})
    assert claimed.status_code == 200, claimed.text
    by = {"host": "10.0.0.7", "claim_rev": claimed.json()["claim_rev"]}
    assert box7.post(f"/instances/{id}/start", json={**START, **by}).status_code == 200
    assert box7.post(f"/instances/{id}/exit", json=by).status_code == 200
    commit = secure.get(f"/commits/{claimed.json()['rev']}").json()
    assert commit["actor"] == "10.0.0.7", "the journal names it"


def test_it_is_no_other_host_and_nothing_else(secure: Service, box7: httpx2.Client) -> None:
    id = secure.ticket()
    refused(box7.post(f"/instances/{id}/claim", json={"host": "10.0.0.8"}), 403, "forbidden")
    refused(box7.post("/instances", json={"app": "cat"}), 403, "forbidden")
    refused(box7.get("/tokens"), 403, "forbidden")
    claim = box7.post(f"/instances/{id}/claim", json={"host": "10.0.0.7"}).json()
    without = {"host": "10.0.0.7", **START}
    refused(box7.post(f"/instances/{id}/start", json=without), 422, "invalid-request")
    assert claim["host"] == "10.0.0.7"


def test_it_says_who_it_is(site: Site, secure: Service, box7: httpx2.Client) -> None:
    said = box7.get("/tokens/self").json()
    assert (said["id"], said["name"]) == (None, "10.0.0.7")
    assert said["grants"] == [{"role": "host", "hosts": ["10.0.0.7"]}]
    assert said["expires_at"].endswith("Z")
    with site.client(secure, site.other_host) as two_names:
        said = two_names.get("/tokens/self").json()
        assert said["grants"] == [{"role": "host", "hosts": ["10.0.0.8", "box8.example.com"]}]


def test_a_token_that_is_sent_counts_and_the_certificate_does_not(
    secure: Service, box7: httpx2.Client
) -> None:
    """Also one that is wrong: no request is done by other rights than those it names."""
    viewer = give(secure, grant("viewer", apps=["cat"]), name="anna")
    assert box7.get("/tokens/self", headers=viewer.headers).json()["name"] == "anna"
    wrong = {"Authorization": f"Bearer {viewer.token[:-1]}x"}
    refused(box7.get("/tokens/self", headers=wrong), 401, "unauthenticated")
    cookie = {"Cookie": begun(viewer)}
    assert box7.get("/tokens/self", headers=cookie).json()["name"] == "anna"
    secure.delete(f"/tokens/{viewer.id}")
    refused(box7.get("/tokens/self", headers=cookie), 401, "unauthenticated")


def test_a_browser_that_has_the_certificate_writes_for_a_page_of_the_service_alone(
    secure: Service, box7: httpx2.Client
) -> None:
    """A browser shows a certificate whoever has it ask, as it sends a cookie."""
    id, claim = secure.ticket(), {"host": "10.0.0.7"}
    url = secure.url
    for headers in (
        {"Origin": url},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": url.replace("https", "http"), "Visor-Csrf": "1"},
    ):
        refused(box7.post(f"/instances/{id}/claim", json=claim, headers=headers), 403, "foreign-origin")
    own = {"Origin": url, "Visor-Csrf": "1"}
    assert box7.post(f"/instances/{id}/claim", json=claim, headers=own).status_code == 200


def test_without_a_certificate_and_with_one_that_names_no_host_a_token_is_needed(
    site: Site, secure: Service
) -> None:
    for pair in (None, site.authority.signed("person", "mailto:anna@example.com", "*.example.com")):
        with site.client(secure, pair) as client:
            refused(client.get("/apps"), 401, "unauthenticated")
            assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("kind", ["stranger", "expired"])
def test_a_certificate_that_is_not_to_be_trusted_gets_no_answer(
    site: Site, secure: Service, kind: str, tmp_path: Path
) -> None:
    if kind == "stranger":
        bad, alert = Authority(tmp_path, "stranger").signed("box7", "10.0.0.7"), "unknown ca"
    else:
        bad, alert = site.authority.signed("old", "10.0.0.7", life=timedelta(hours=-1)), "certificate expired"
    with (
        socket.create_connection(("127.0.0.1", secure.port), timeout=60) as raw,
        site.context(bad).wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises(ssl.SSLError, match=alert):
            connection.recv(1000)


class Tomorrow:
    """The clock, a day and an hour later."""

    @staticmethod
    def time() -> float:
        return time.time() + 25 * 3600


def test_one_that_expires_while_it_is_connected_is_not_believed_any_more(
    site: Site, secure: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site.client(secure, site.host) as client:
        with client.stream("GET", "/events") as stream:
            assert client.get("/apps").status_code == 200
            monkeypatch.setattr("app.http.access.time", Tomorrow)
            list(stream.iter_raw())  # ends
        refused(client.get("/apps"), 401, "unauthenticated", reason="expired")


def test_curl_claims_with_a_certificate(site: Site, secure: Service) -> None:
    id = secure.ticket()
    files = {"--cacert": str(site.authority.file), "--cert": site.host.cert, "--key": site.host.key}
    command = ["curl", "-sS", *(word for pair in files.items() for word in pair)]
    command += ["-H", "Content-Type: application/json", "-d", '{"host": "10.0.0.7"}']
    url = f"https://localhost:{secure.port}/instances/{id}/claim"
    done = subprocess.run([*command, url], capture_output=True, check=True)
    assert json.loads(done.stdout)["host"] == "10.0.0.7"


def test_its_idempotency_keys_are_its_own(site: Site, secure: Service, box7: httpx2.Client) -> None:
    ids = secure.ticket(), secure.ticket()
    key = {"Idempotency-Key": "one"}
    assert box7.post("/instances/claim", json={"host": "10.0.0.7"}, headers=key).json()["id"] in ids
    with site.client(secure, site.other_host) as other:
        second = other.post("/instances/claim", json={"host": "10.0.0.8"}, headers=key)
        assert second.status_code == 200
        assert "Idempotency-Replayed" not in second.headers


def test_the_audit_trail_names_the_host(secure: Service, box7: httpx2.Client, tmp_path: Path) -> None:
    logs.audit_to(str(tmp_path / "audit.log"))
    try:
        id = secure.ticket()
        box7.post(f"/instances/{id}/claim", json={"host": "10.0.0.7"})
        last = json.loads((tmp_path / "audit.log").read_text().splitlines()[-1])
    finally:
        audit_nowhere()
    assert (last["route"], last["status"]) == ("/instances/{id}/claim", 200)
    assert (last["certificate"], last["token_id"], last["token_name"]) == ("10.0.0.7", None, None)


UNTIL = {"notAfter": "Jan  1 00:00:00 2040 GMT"}


@pytest.mark.parametrize(
    ("names", "hosts"),
    [
        ([("DNS", "Box7.Example.com.")], ("box7.example.com",)),
        ([("IP Address", "2001:DB8:0:0:0:0:0:7")], ("2001:db8::7",)),
        ([("DNS", "b.example.com"), ("IP Address", "10.0.0.7")], ("10.0.0.7", "b.example.com")),
        ([("DNS", "10.0.0.7")], None),
        ([("DNS", "*.example.com")], None),
        ([("DNS", "a b"), ("URI", "spiffe://example.com/box7"), ("email", "a@example.com")], None),
        ([("DNS", f"h{n}.example.com") for n in range(101)], None),
        ([], None),
    ],
)
def test_which_hosts_a_certificate_names(names: list[tuple[str, str]], hosts: tuple[str, ...] | None) -> None:
    subject = ((("commonName", "cn.example.com"),),)
    found = certificate_of({"subject": subject, "subjectAltName": tuple(names), **UNTIL})
    assert (None if found is None else found.hosts) == hosts
