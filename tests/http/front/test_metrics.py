"""Metrics count by route template and never by what clients make up (trap 37)."""

import re

import pytest

from app.http.metrics import Metrics


def sample(edge, name, **labels):
    """The value of one series; 0 where there is none."""
    text = edge.client.get("/metrics").text
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
            return float(found[3])
    return 0.0


@pytest.fixture
def own(serve):
    with serve() as edge:
        yield edge


def counted(edge, method, route, status):
    return sample(edge, "visor_http_requests_total", method=method, route=route, status=status)


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/things/some-name", "/things/{name}", "200"),
        ("GET", "/things/none", "/things/{name}", "404"),
        ("HEAD", "/things/a", "/things/{name}", "200"),
        ("PUT", "/things/a", "/things/{name}", "405"),
        ("PROPFIND", "/things/a", "/things/{name}", "405"),
        ("GET", "/made/up", "other", "404"),
        ("GET", "/fault", "/fault", "500"),
        ("GET", "/problems", "/problems", "200"),
        ("POST", "/things", "/things", "422"),
    ],
)
def test_requests_are_counted_by_template_method_and_status(edge, method, path, route, status):
    label = "other" if method == "PROPFIND" else method
    before = counted(edge, label, route, status)
    edge.client.request(method, path)
    assert counted(edge, label, route, status) == before + 1


def test_no_raw_path_becomes_a_label(own):
    for n in range(20):
        own.client.get(f"/made-up-{n}")
        own.client.get(f"/things/thing-{n}")
    text = own.client.get("/metrics").text
    assert "made-up" not in text
    assert "thing-" not in text


def test_durations_leave_out_streams_and_waiting_calls(own):
    with own.client.stream("GET", "/stream") as response:
        chunks = response.iter_raw()  # kept: what is collected closes the stream
        next(chunks)
        assert sample(own, "visor_subscribers") == 1
    own.state.gate.set()
    own.client.get("/wait?waiting=true")
    own.client.get("/livez")
    own.eventually(lambda: counted(own, "GET", "/stream", "200") == 1)
    assert counted(own, "GET", "/wait", "200") == 1

    def timed(route):
        return sample(own, "visor_http_request_seconds_count", method="GET", route=route)

    assert timed("/livez") == 1
    assert timed("/stream") == 0
    assert timed("/wait") == 0
    own.eventually(lambda: sample(own, "visor_subscribers") == 0)


def test_what_the_store_says_of_itself_is_there(edge):
    assert sample(edge, "visor_store_rev") == 42
    assert sample(edge, "visor_store_file_bytes") == 7


def test_refusals_are_counted(edge):
    before = counted(edge, "POST", "other", "413")
    edge.client.post("/lax", content=b"x" * 2_000_000, headers={"Content-Type": "application/json"})
    assert counted(edge, "POST", "other", "413") == before + 1


def test_two_applications_in_one_process_do_not_mix(own, edge):
    before = counted(own, "GET", "/things/{name}", "200")
    edge.client.get("/things/a")
    assert counted(own, "GET", "/things/{name}", "200") == before


def test_a_store_that_gives_no_statistics_does_not_take_the_rest_with_it():
    def broken():
        raise OSError("away")

    metrics = Metrics()
    metrics.figures.store(broken)
    metrics.figures.gauge("visor_subscribers", "Subscribers.", lambda: 3)
    page, content_type = metrics.render()
    assert b"visor_subscribers 3.0" in page
    assert content_type.startswith("text/plain")


def test_openmetrics_is_given_where_it_is_asked_for(edge):
    response = edge.client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    assert edge.client.get("/metrics").headers["content-type"].startswith("text/plain")
