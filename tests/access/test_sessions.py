"""A browser's session: a cookie that stands for a token, reads, and writes only for pages of this service."""

import time
from collections.abc import Iterator

import httpx2
import pytest

from app.http import session
from app.models.token import new_id, new_token, sha256_of
from tests.access.holders import Holder, closed_service, give, grant, let_root_in
from tests.access.test_tokens import in_seconds
from tests.conftest import STORES
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import replicas
from tests.http.expect import refused
from tests.serving import APP, Service, serving


@pytest.fixture(scope="module")
def closed() -> Iterator[Service]:
    with closed_service() as service:
        yield service


def begun(holder: Holder) -> str:
    """The cookie that a browser would send."""
    answer = holder.ask("POST", "/session")
    assert answer.status_code == 204
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Strict"} <= set(attributes)
    assert cookie.startswith("__Host-visor=")
    assert holder.token not in cookie
    return cookie


def asked(service: Service, method: str, path: str, cookie: str, **headers: str) -> httpx2.Response:
    return httpx2.request(
        method, service.url + path, headers={"Cookie": f"a=b; {cookie}", **headers}, timeout=60
    )


def test_a_session_reads_what_its_token_reads_and_ends_with_it(closed: Service) -> None:
    holder = give(closed, grant("viewer", apps=["cat"]))
    cookie = begun(holder)
    assert asked(closed, "GET", "/tokens/self", cookie).json()["id"] == holder.id
    assert asked(closed, "HEAD", "/apps", cookie).status_code == 200
    refused(asked(closed, "GET", "/runners", cookie), 403, "forbidden")
    closed.delete(f"/tokens/{holder.id}")
    refused(asked(closed, "GET", "/apps", cookie), 401, "unauthenticated")


@pytest.mark.skipif("etcd" not in STORES, reason="the other stores have one process")
def test_a_session_is_kept_nowhere_and_is_valid_on_every_replica(etcd: Cluster) -> None:
    """To begin one makes no commit; it ends everywhere with its token."""
    root = new_token(new_id())
    settings = {"admin_token_sha256": sha256_of(root)}
    with replicas(etcd.endpoints, "sessions", 2, **settings) as (here, there):
        for service in (here, there):
            let_root_in(service, root)
        holder = give(here, grant("auditor"))
        before = here.rev
        cookie = begun(holder)
        assert here.rev == before
        assert asked(there, "GET", "/tokens/self", cookie).json()["id"] == holder.id
        here.delete(f"/tokens/{holder.id}")
        # A default read of the coordinator's newest state.
        refused(asked(there, "GET", "/apps", cookie), 401, "unauthenticated")


def test_a_write_by_cookie_is_of_a_page_of_this_service(closed: Service) -> None:
    cookie = begun(give(closed, grant("operator")))
    own = {"Origin": closed.url, "Visor-Csrf": "1"}
    for headers in (
        {},
        {"Visor-Csrf": "1"},
        {"Origin": closed.url},
        {**own, "Origin": "null"},
        {**own, "Visor-Csrf": "0"},
        {**own, "Origin": "http://127.0.0.1:1"},
    ):
        answer = asked(closed, "POST", "/instances/1/stop", cookie, **headers)
        refused(answer, 403, "foreign-origin")
    refused(asked(closed, "POST", "/instances/1/stop", cookie, **own), 404, "not-found")


def test_an_allowed_origin_may_not_write_by_cookie() -> None:
    page = "https://page.example.com"
    with closed_service(cors_origins=page) as service:
        cookie = begun(give(service, grant("operator")))
        answer = asked(service, "POST", "/instances/1/stop", cookie, Origin=page, **{"Visor-Csrf": "1"})
        refused(answer, 403, "foreign-origin")


def test_what_was_not_given_out_is_no_session(closed: Service) -> None:
    holder = give(closed, grant("admin"))
    cookie = begun(holder)
    name, _, value = cookie.partition("=")
    id, expires, mac = value.split(".")
    made_up = session.cookie(id, int(expires), b"guess", 60).partition(";")[0]
    over = session.cookie(id, int(time.time()) - 1, bytes.fromhex(sha256_of(holder.token)), 60)
    for other in (
        made_up,
        over.partition(";")[0],
        f"{name}={id}.{int(expires) + 1}.{mac}",
        f"{name}={id}.{expires}.{mac[:-1]}{'0' if mac[-1] != '0' else '1'}",
        f"{name}=",
        f"x{cookie}",
    ):
        refused(asked(closed, "GET", "/apps", other), 401, "unauthenticated")


def test_a_session_is_begun_by_a_token_and_not_by_a_session(closed: Service) -> None:
    cookie = begun(give(closed, grant("admin")))
    own = {"Origin": closed.url, "Visor-Csrf": "1"}
    refused(asked(closed, "POST", "/session", cookie, **own), 401, "unauthenticated")
    with serving() as open_one:
        refused(open_one.post("/session"), 401, "unauthenticated")
        assert open_one.post("/apps", APP).status_code == 201


def test_it_is_no_longer_than_its_token(closed: Service) -> None:
    holder = give(closed, grant("admin"), expires_at=in_seconds(100))
    seconds = holder.ask("POST", "/session").headers["Set-Cookie"].partition("Max-Age=")[2]
    assert 0 < int(seconds.partition(";")[0]) <= 100


def test_the_admin_of_the_settings_has_sessions_too(closed: Service) -> None:
    root = Holder(closed, "", closed.client.headers["Authorization"].partition(" ")[2])
    assert asked(closed, "GET", "/tokens", begun(root)).status_code == 200


def test_its_end_has_the_browser_forget_it(closed: Service) -> None:
    ended = httpx2.delete(closed.url + "/session", timeout=60).headers["Set-Cookie"]
    assert ended.startswith("__Host-visor=; ")
    assert "Max-Age=0" in ended
