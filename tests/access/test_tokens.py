"""Tokens: made, used, rotated, revoked, over their time; and who is told what without one."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from app.models import keys
from app.models.token import id_of, new_id, new_token, sha256_of
from app.store.contract import Changes
from app.store.records import Origin
from tests.access.holders import Holder, closed_service, give, grant, regrant
from tests.conftest import STORES, store_of
from tests.http.expect import refused
from tests.serving import APP, Service, serving
from tests.sse.sse_reader import SseStream

ADMIN, VIEWER = grant("admin"), grant("viewer", apps=["cat"])


@pytest.fixture(params=STORES)
def closed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service that needs a token, on each store."""
    with closed_service(store=store_of(request.param, tmp_path, request)) as service:
        yield service


def anonymous(service: Service, path: str, **headers: str | bytes) -> httpx2.Response:
    return httpx2.get(service.url + path, headers=headers, timeout=60)


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_token_has_a_checksum_so_that_what_was_mistyped_is_told_apart() -> None:
    token = new_token(id := new_id())
    assert id_of(token) == id
    assert len({new_token(id) for _ in range(100)}) == 100
    for at in range(4, len(token)):
        if token[at] not in "_":
            assert id_of(token[:at] + ("a" if token[at] != "a" else "b") + token[at + 1 :]) is None
    assert id_of(token + "a") is None
    assert id_of("") is None


def test_without_a_token_that_is_valid_everything_is_401_and_alike(closed: Service) -> None:
    """Missing, unknown, mistyped, of another service, revoked: one answer, byte for byte."""
    revoked = give(closed, ADMIN)
    assert closed.delete(f"/tokens/{revoked.id}").status_code == 200
    wrong = give(closed, ADMIN)
    answers = [
        anonymous(closed, "/apps", **headers)
        for headers in (
            {},
            {"Authorization": "Basic YTpi"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer é".encode()},
            {"Authorization": "Bearer " + "x" * 4000},
            {"Authorization": f"Bearer {new_token(new_id())}"},
            {"Authorization": f"Bearer {wrong.token[:-1]}x"},
            {"Authorization": f"Bearer {new_token(wrong.id)}"},
            revoked.headers,
        )
    ]
    for answer in answers:
        refused(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.content == answers[0].content


def test_what_is_open_needs_none(closed: Service) -> None:
    for path in ("/livez", "/readyz", "/problems", "/problems/forbidden"):
        assert anonymous(closed, path).status_code == 200
    assert anonymous(closed, "/no/such/path").status_code == 404
    assert httpx2.options(closed.url + "/apps").status_code == 204


def test_without_any_token_a_service_asks_for_none(visor: Service) -> None:
    assert visor.post("/apps", APP).status_code == 201
    said = visor.get("/tokens/self").json()
    assert (said["id"], said["name"], said["grants"]) == (None, "anonymous", [ADMIN])
    assert visor.get("/apps", headers={"Authorization": "Bearer whatever"}).status_code == 200


def test_the_first_token_is_not_made_over_http(visor: Service) -> None:
    token = new_token(id := new_id())
    body = {"name": "root", "grants": [ADMIN], "sha256": sha256_of(token)}
    refused(visor.put(f"/tokens/{id}", body), 403, "forbidden")
    assert visor.get("/tokens").json()["items"] == []
    assert visor.post("/apps", APP).status_code == 201


def test_a_store_that_had_a_token_stays_closed(tmp_path: Path) -> None:
    """Also when the token is gone, and the service has no admin token any more."""
    store = f"sqlite:///{tmp_path}/visor.db"
    with closed_service(store=store) as service:
        holder = give(service, ADMIN)
        service.delete(f"/tokens/{holder.id}")
    with serving(store=store) as service:
        refused(service.get("/apps"), 401, "unauthenticated")


def test_a_token_may_do_what_its_grants_say_and_its_name_is_the_actor(closed: Service) -> None:
    holder = give(closed, grant("deployer", apps=["cat"]), name="deploy-bot")
    closed.made("/apps", APP)
    assert holder.ask("PUT", "/apps/cat/env/cow", {"value": "moo"}).status_code == 200
    events = closed.get(f"/events/list?rev={closed.start}").json()["items"]
    assert [event["actor"] for event in events] == ["admin", "deploy-bot"]
    assert holder.get("/tokens/self").json() == {
        "id": holder.id,
        "name": "deploy-bot",
        "grants": [grant("deployer", apps=["cat"])],
        "expires_at": None,
    }


def test_only_operators_speak_for_others(closed: Service) -> None:
    for_another = {"headers": {"Visor-Actor": "alice"}}
    operator, deployer = give(closed, grant("operator")), give(closed, grant("deployer", apps=["cat"]))
    assert operator.ask("POST", "/apps", APP, **for_another).status_code == 201
    refused(deployer.ask("PATCH", "/apps/cat", {"stack": "x"}, **for_another), 403, "forbidden")
    reserved = operator.ask("DELETE", "/apps/cat", headers={"Visor-Actor": "visor"})
    refused(reserved, 422, "invalid-request")


def test_a_tokens_secret_is_kept_and_told_nowhere(closed: Service) -> None:
    holder = give(closed, ADMIN)
    hashed = sha256_of(holder.token)
    pages = [closed.get("/tokens"), closed.get(f"/tokens/{holder.id}"), closed.get("/tokens/self")]
    for path in (
        f"/events/list?rev={closed.start}",
        f"/diff?from={closed.start}&include=all",
        "/commits?include=all",
        f"/commits/{closed.rev}",
        "/timeline",
        "/export",
        "/metrics",
    ):
        pages.append(closed.get(path))
    with SseStream(closed.port, "/events", headers=holder.headers, snapshot=True) as stream:
        while (frame := stream.next()) is not None and frame.event != "snapshot-end":
            assert frame.event != "snapshot", "a token is in no snapshot"
    for page in pages:
        assert page.status_code == 200, page.text
        assert hashed not in page.text
        assert holder.token not in page.text
    assert closed.get(f"/events/list?rev={closed.start}").json()["items"] == []


def test_a_retry_of_put_changes_nothing_and_a_change_keeps_the_secret(closed: Service) -> None:
    holder = give(closed, VIEWER)
    first = closed.get(f"/tokens/{holder.id}")
    body = {"name": "somebody", "grants": [VIEWER], "sha256": sha256_of(holder.token)}
    again = closed.put(f"/tokens/{holder.id}", body)
    assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
    assert regrant(holder, grant("operator")).status_code == 200
    assert holder.get("/runners").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "visor"},
        {"name": "anonymous"},
        {"name": ""},
        {"grants": []},
        {"grants": [{"role": "king"}]},
        {"grants": [{"role": "viewer"}]},
        {"grants": [{"role": "admin", "apps": ["cat"]}]},
        {"grants": [{"role": "viewer", "apps": ["c*t"]}]},
        {"grants": [{"role": "viewer", "apps": []}]},
        {"grants": [{"role": "host", "hosts": ["0x7f000001"]}]},
        {"grants": [{"role": "host", "hosts": ["a b*"]}]},
        {"sha256": "00"},
        {"sha256": None},
        {"expires_at": "tomorrow"},
        {"expires_at": "2027-01-01T00:00:00"},
        {"expires_at": "0001-01-01T00:00:00+23:59"},
        {"expires_at": 5},
        {"token": "vsr_"},
    ],
)
def test_what_makes_no_token_is_422_and_makes_none(shared: Service, wrong: dict[str, object]) -> None:
    id = new_id()
    body = {"name": "x", "grants": [ADMIN], "sha256": "0" * 64, **wrong}
    refused(shared.put(f"/tokens/{id}", body), 422, "invalid-request")
    refused(shared.get(f"/tokens/{id}"), 404, "not-found")


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    with closed_service() as service:
        yield service


def test_hosts_in_grants_have_one_spelling(shared: Service) -> None:
    holder = give(shared, grant("host", hosts=["Box7.Example.com.", "::ffff:10.0.0.7", "BOX8*"]))
    assert holder.get("/tokens/self").json()["grants"] == [
        grant("host", hosts=["box7.example.com", "10.0.0.7", "box8*"])
    ]


def test_over_its_time_a_token_is_expired_where_its_secret_is_right(shared: Service) -> None:
    holder = give(shared, ADMIN, expires_at=in_seconds(0.3))
    while (answer := holder.get("/apps")).status_code == 200:
        time.sleep(0.02)
    refused(answer, 401, "unauthenticated", reason="expired")
    other = Holder(shared, holder.id, new_token(holder.id))
    assert "reason" not in other.get("/apps").json()


def test_after_a_rotation_the_old_secret_is_valid_for_the_overlap(closed: Service) -> None:
    holder = give(closed, ADMIN)
    new = Holder(closed, holder.id, new_token(holder.id))
    answer = closed.post(f"/tokens/{holder.id}/rotate", {"sha256": sha256_of(new.token), "overlap": 600})
    assert answer.status_code == 200
    assert holder.get("/apps").status_code == new.get("/apps").status_code == 200
    # Once more, as a retry does: nothing changes.
    same = closed.post(f"/tokens/{holder.id}/rotate", {"sha256": sha256_of(new.token), "overlap": 600})
    assert same.content == answer.content
    newest = Holder(closed, holder.id, new_token(holder.id))
    closed.post(f"/tokens/{holder.id}/rotate", {"sha256": sha256_of(newest.token), "overlap": 0})
    assert newest.get("/apps").status_code == 200
    for old in (holder, new):
        refused(old.get("/apps"), 401, "unauthenticated")


def test_the_old_secret_ends_with_the_overlap(shared: Service) -> None:
    holder = give(shared, ADMIN)
    new = Holder(shared, holder.id, new_token(holder.id))
    shared.post(f"/tokens/{holder.id}/rotate", {"sha256": sha256_of(new.token), "overlap": 1})
    assert holder.get("/apps").status_code == 200
    while (answer := holder.get("/apps")).status_code == 200:
        time.sleep(0.05)
    refused(answer, 401, "unauthenticated")
    assert new.get("/apps").status_code == 200


def test_a_revoked_token_is_refused_by_the_next_request(closed: Service) -> None:
    """Also where it asks for the past, when it was valid: what counts is the newest state."""
    for _ in range(20):
        holder = give(closed, ADMIN)
        then = f"/apps?rev={closed.rev}"
        for path in ("/apps", then):
            assert holder.get(path).status_code == 200
        closed.delete(f"/tokens/{holder.id}")
        for path in ("/apps", then):
            refused(holder.get(path), 401, "unauthenticated")


def test_a_token_is_looked_at_with_each_request_of_a_connection(closed: Service) -> None:
    """Who asked by it before is remembered with it; another token on it is another's, and one that was
    narrowed, rotated or revoked meanwhile is judged as it is."""
    holder, other = give(closed, VIEWER), give(closed, grant("operator"))
    with httpx2.Client(base_url=closed.url, timeout=60, verify=False) as one:

        def ask(path: str, of: Holder = holder) -> int:
            return int(one.get(path, headers=of.headers).status_code)

        for _ in range(3):
            assert ask("/runners") == 403
            assert ask("/services") == 200
        assert ask("/runners", other) == 200
        assert ask("/runners") == 403
        regrant(holder, grant("operator"))
        assert ask("/runners") == 200
        regrant(holder, VIEWER)
        assert ask("/runners") == 403
        assert ask("/services") == 200
        closed.post(f"/tokens/{holder.id}/rotate", {"sha256": "0" * 64, "overlap": 0})
        assert ask("/services") == 401
        assert ask("/services", other) == 200
        closed.delete(f"/tokens/{other.id}")
        assert ask("/services", other) == 401
        assert one.get("/services").status_code == 401


def test_each_token_has_idempotency_keys_of_its_own(closed: Service) -> None:
    key = {"headers": {"Idempotency-Key": "k"}}
    mine, yours = give(closed, grant("operator")), give(closed, grant("operator"))
    assert mine.ask("POST", "/services", {"name": "a"}, **key).status_code == 201
    other = yours.ask("POST", "/services", {"name": "b"}, **key)
    assert (other.status_code, other.json()["name"]) == (201, "b")
    again = mine.ask("POST", "/services", {"name": "a"}, **key)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_replay_is_refused_where_the_first_call_would_be(closed: Service) -> None:
    """Narrowed or revoked since: the kept answer shows nothing."""
    key = {"headers": {"Idempotency-Key": "k"}}
    holder = give(closed, grant("deployer", apps=["cat"]))
    assert holder.ask("POST", "/apps", APP, **key).status_code == 201
    regrant(holder, grant("deployer", apps=["dog"]))
    refused(holder.ask("POST", "/apps", APP, **key), 403, "forbidden")
    closed.delete(f"/tokens/{holder.id}")
    refused(holder.ask("POST", "/apps", APP, **key), 401, "unauthenticated")


def test_when_a_token_was_used_is_told_to_the_hour_and_is_no_change_of_it(shared: Service) -> None:
    holder = give(shared, VIEWER)
    before = shared.get(f"/tokens/{holder.id}")
    assert before.json()["last_used_at"] is None
    holder.get("/apps")
    shared.inside(shared.context.access.write_uses())
    rev = shared.rev
    after = shared.get(f"/tokens/{holder.id}")
    used = datetime.fromisoformat(after.json()["last_used_at"])
    assert (used.minute, used.second) == (0, 0)
    assert after.headers["ETag"] == before.headers["ETag"]
    holder.get("/apps")
    shared.inside(shared.context.access.write_uses())
    assert shared.rev == rev, "once an hour, not once a request"


def test_an_admin_hash_in_a_file_is_one_too(tmp_path: Path) -> None:
    token = new_token(new_id())
    (tmp_path / "hash").write_text(f"{sha256_of(token)}  -\n")
    with serving(admin_token_sha256_file=str(tmp_path / "hash")) as service:
        assert service.get("/apps").status_code == 401
        assert service.get("/apps", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_what_another_hand_has_put_in_a_tokens_place_lets_nobody_in(shared: Service) -> None:
    holder = give(shared, ADMIN)
    value = json.dumps({"id": holder.id, "sha256": sha256_of(holder.token)}).encode()
    shared.inside(
        shared.context.store.transact(
            lambda snapshot, at: Changes(puts={keys.token(holder.id): value}), Origin("a", "b")
        )
    )
    refused(holder.get("/apps"), 401, "unauthenticated")
    assert shared.delete(f"/tokens/{holder.id}").status_code == 200
