"""HEAD works where GET does, streams included (trap 36)."""

import time

import pytest


@pytest.mark.parametrize("path", ["/things/a", "/things/none", "/problems", "/fault", "/no"])
def test_a_head_is_the_head_of_the_get(edge, path):
    got, head = edge.client.get(path), edge.client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    for name in ("content-length", "content-type", "visor-rev", "cache-control"):
        assert head.headers[name] == got.headers[name]


def test_the_connection_serves_on_after_a_head(edge):
    connection = edge.connect()
    connection.send(
        b"HEAD /things/a HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /things/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    answers = connection.until_closed()
    assert answers.count(b"HTTP/1.1 200") == 2
    assert b'{"name":"a"}' not in answers
    assert answers.endswith(b'{"name":"b"}')


@pytest.mark.parametrize("path", ["/stream", "/flood"])
def test_the_head_of_an_endless_stream_ends_on_both_sides(edge, path):
    began = time.monotonic()
    response = edge.client.head(path)
    assert response.status_code == 200
    assert time.monotonic() - began < 20
    # The application's side is over too: what it held is given back.
    edge.eventually(lambda: edge.capacity.subscribers == edge.capacity.requests == 0)
    assert edge.client.get("/livez").status_code == 200
