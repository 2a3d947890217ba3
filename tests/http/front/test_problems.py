"""The `type` of every problem is a page that explains it."""

import pytest

from app.errors import NotClaimer, request_errors


def test_the_list_has_every_code(edge):
    response = edge.client.get("/problems")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for kind in request_errors():
        assert f'href="problems/{kind.code}"' in response.text


@pytest.mark.parametrize("kind", request_errors(), ids=lambda kind: kind.code)
def test_every_code_has_a_page_that_says_what_to_do(edge, kind):
    response = edge.client.get(f"/problems/{kind.code}")
    assert response.status_code == 200
    assert kind.code in response.text
    assert str(kind.status) in response.text
    assert kind.__doc__.split("\n")[0].split("`")[0].replace("'", "&#x27;") in response.text


def test_pages_are_self_contained(edge):
    text = edge.client.get(f"/problems/{NotClaimer.code}").text
    assert "<code>claim_rev</code>" in text
    for outside in ("http:", "https:", "src=", "<script", "<link", "@import"):
        assert outside not in text


def test_an_unknown_code_is_404(edge):
    response = edge.client.get("/problems/%3Cscript%3E")
    assert response.status_code == 404
    assert response.json()["code"] == "not-found"
