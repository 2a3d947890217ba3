"""What the server gives with a request: a body where all of it is there, and a way to answer in one piece,
which is refused wherever the way piece by piece would say something else.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from app.http.given import Given
from app.server.exchange import SHORT_BODY as SHORT
from app.server.server import VisorServer, build_config, listen
from tests.etcd.cluster import until

LENGTH = (b"content-length", b"2")


@contextmanager
def behind(app: Any) -> Iterator[int]:
    """The port of a server in front of an application that knows nothing but HTTP."""

    async def alive(scope: Any, receive: Any, send: Any, given: Given | None = None) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
        else:
            await app(scope, receive, send, given)

    listening = listen("127.0.0.1", 0)
    server = VisorServer(build_config(alive))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)


@contextmanager
def answering(said: list[Any]) -> Iterator[Callable[[list[tuple[bytes, bytes]]], httpx2.Response]]:
    """Asks a server for an answer with such headers; what its offer of a whole one came to is `said`."""
    headers: list[tuple[bytes, bytes]] = []

    async def app(scope: Any, receive: Any, send: Any, given: Given) -> None:
        said.append(given.answer_whole(200, headers, b"ok"))
        if said[-1]:
            said.append(given.answer_whole(200, headers, b"ok"))
        else:
            await send({"type": "http.response.start", "status": 203, "headers": [LENGTH]})
            await send({"type": "http.response.body", "body": b"ok"})

    def ask(more: list[tuple[bytes, bytes]]) -> httpx2.Response:
        headers[:] = [LENGTH, *more]
        return client.get("/")

    with behind(app) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield ask


def test_it_is_answered_once() -> None:
    said: list[Any] = []
    with answering(said) as ask:
        answer = ask([(b"x-a", b"1"), (b"x-b", b"2")])
        assert (answer.status_code, answer.content, answer.headers["x-a"], answer.headers["x-b"]) == (
            200,
            b"ok",
            "1",
            "2",
        )
        assert ask([]).status_code == 200
    assert said == [True, False, True, False]


@pytest.mark.parametrize(
    "pair",
    [
        (b"x-a", b"1\r\nset-cookie: b"),
        (b"x-a", b"1\nb: 2"),
        (b"x-a", b"1\rb"),
        (b"x\r\na", b"1"),
        (b"connection", b"close"),
        (b"connection", b"upgrade"),
    ],
    ids=repr,
)
def test_a_header_that_would_be_two_or_is_the_connections_is_not_taken(pair: tuple[bytes, bytes]) -> None:
    said: list[Any] = []
    with answering(said) as ask:
        assert ask([pair]).status_code == 203
        assert ask([(b"x-a", b"1")]).status_code == 200
    assert said == [False, True, False]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([b"whole"], b"whole"),
        ([b""], b""),
        ([b"x" * SHORT], b"x" * SHORT),
        ([b"x" * (SHORT + 1)], None),
        ([b"first", b"second"], None),
    ],
    ids=["one packet", "none", "as long as it may be", "longer", "two packets"],
)
def test_a_body_is_given_only_where_all_of_it_is(parts: list[bytes], expected: bytes | None) -> None:
    """Of one that comes piece by piece the pieces are received, and nothing is given that lacks some."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any, given: Given) -> None:
        received, more = [], True
        while more:
            message = await receive()
            received.append(message["body"])
            more = message["more_body"]
            seen.append(None)
        seen[:] = [b"".join(received), given.body]
        given.answer_whole(200, [LENGTH], b"ok")

    size = sum(map(len, parts))
    with behind(app) as port, socket.create_connection(("127.0.0.1", port), 60) as one:
        one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (size, parts[0]))
        for part in parts[1:]:
            until(lambda: seen, "the first part is received")
            one.sendall(part)
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
    assert seen == [b"".join(parts), expected]
