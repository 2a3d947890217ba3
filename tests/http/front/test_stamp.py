"""Every response carries the headers that every response carries."""

import pytest


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/livez"),
        ("GET", "/nowhere"),
        ("PUT", "/livez"),
        ("POST", "/things"),
        ("GET", "/fault"),
        ("GET", "/metrics"),
        ("HEAD", "/stream"),
    ],
)
def test_rev_nosniff_and_no_store_are_on_every_response(edge, method, path):
    headers = edge.client.request(method, path).headers
    assert headers["visor-rev"] == "42"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_a_response_keeps_what_it_says_itself(edge):
    headers = edge.client.get("/cached").headers
    assert headers.get_list("visor-rev") == ["3"]
    assert headers.get_list("cache-control") == ["max-age=5"]
