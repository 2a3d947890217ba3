"""Browsers: no origin unless it is configured (DESIGN section 3)."""

import pytest

from tests.http.expect import refused
from tests.serving import serving

OURS = "https://console.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match,visor-actor"}


@pytest.fixture(scope="module")
def open_to_one():
    with serving(cors_origins=OURS) as visor:
        yield visor


def test_no_origin_is_allowed_if_none_is_configured(full):
    for answer in (
        full.get("/apps", headers={"Origin": OURS}),
        full.client.options("/apps/cat", headers={"Origin": OURS, **PREFLIGHT}),
    ):
        refused(answer, 403, "foreign-origin")
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_configured_origin_may_read_and_see_our_headers(open_to_one):
    answer = open_to_one.get("/apps", headers={"Origin": OURS})
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"Visor-Rev", "ETag", "Location", "Idempotency-Replayed", "Retry-After"}
    assert "Origin" in answer.headers["Vary"]


def test_a_preflight_allows_every_method_and_header(open_to_one):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        asked = {"Origin": OURS, **PREFLIGHT, "Access-Control-Request-Method": method}
        answer = open_to_one.client.options("/apps/cat/env/cow", headers=asked)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == OURS
        assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
        assert "if-match" in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Visor-Rev"].isdigit()


def test_another_origin_is_not_allowed(open_to_one):
    for origin in (
        "https://evil.example.com",
        "null",
        OURS + ".evil.example.com",
        "http://console.example.com",
    ):
        assert (
            "Access-Control-Allow-Origin" not in open_to_one.get("/apps", headers={"Origin": origin}).headers
        )
        preflight = open_to_one.client.options("/apps", headers={"Origin": origin, **PREFLIGHT})
        assert preflight.status_code == 403
        assert "Access-Control-Allow-Origin" not in preflight.headers


def test_a_refusal_can_be_read_by_a_configured_origin(open_to_one):
    """Or the browser shows its script nothing but a failure."""
    for answer in (
        open_to_one.get("/apps/dog", headers={"Origin": OURS}),
        open_to_one.get("/apps?x=1", headers={"Origin": OURS}),
        open_to_one.post("/apps", content=b"x" * 2**21, headers={"Origin": OURS}),
    ):
        assert answer.status_code in (404, 413, 422)
        assert answer.headers["Access-Control-Allow-Origin"] == OURS


def test_a_star_allows_any_origin():
    with serving(cors_origins="*") as visor:
        answer = visor.get("/apps", headers={"Origin": "https://any.example.com"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
