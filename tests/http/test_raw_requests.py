"""Bytes that no HTTP library would send: each gets a clear answer, a 5xx never, and changes nothing.

Where the framing of a request is in doubt, a proxy in front may see other requests in the same bytes: so
what follows them is never taken for a request. It would remove a service, were it taken for one.
"""

import json
import re
import select
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.http.every_route import BODIES, path_of
from tests.http.held import heard
from tests.serving import Service, serving

SMUGGLED = b"DELETE /runners/10.0.0.7:9000 HTTP/1.1\r\nHost: x\r\n\r\n"
HOST = b"Host: visor\r\n"
JSON = b"Content-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"


@pytest.fixture(autouse=True)
def _nothing_changes(full: Service) -> Iterator[None]:
    before = full.rev
    yield
    assert full.rev == before
    assert full.get("/runners/10.0.0.7:9000").status_code == 200
    assert full.get("/readyz").status_code == 200


def said_to(visor: Service, sent: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Every answer to the bytes until the server closes: status, headers, body. Each has to be whole."""
    with socket.create_connection(("127.0.0.1", visor.port), 60) as one:
        one.sendall(sent)
        one.shutdown(socket.SHUT_WR)
        came = b""
        while part := one.recv(65536):
            came += part
    answers = []
    while came:
        head, ended, rest = came.partition(b"\r\n\r\n")
        assert ended, came
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        if "100 Continue" in first:
            came = rest
            continue
        length = int(headers.get("content-length", "0"))
        assert len(rest) >= length, came
        answers.append((int(first.split()[1]), headers, rest[:length]))
        came = rest[length:]
    return answers


def refused(answer: tuple[int, dict[str, str], bytes], *statuses: int) -> None:
    status, headers, body = answer
    assert status in statuses, answer
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["detail"].endswith(".")
    assert not re.search(r"Traceback|\.py\b|httptools|uvicorn", body.decode())


def get(target: bytes, *lines: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"".join(lines) + b"\r\n"


def test_every_byte_of_a_path(full: Service) -> None:
    """Raw, and percent-encoded, inside a name and at its end."""
    # As a byte these end the target, or begin its query or a fragment.
    ends = {0x09, 0x0A, 0x0C, 0x0D, 0x20, 0x23, 0x3F}
    for byte in range(256):
        for escaped in (False, True):
            for place in (b"/apps/c%bt", b"/apps/cat%b", b"/apps/%b"):
                target = place % (b"%%%02x" % byte if escaped else bytes([byte]))
                answers = said_to(full, get(target))
                if byte in ends and not escaped:
                    assert all(status < 500 for status, _, _ in answers), target
                    continue
                (answer,) = answers
                is_cat = target.replace(b"%61", b"a") == b"/apps/cat"
                if answer[0] == 200:
                    listed = {"/apps/": 0}.get(target.decode("latin-1"))
                    assert is_cat or listed is not None, f"{target!r} is read as another: {answer}"
                else:
                    refused(answer, 400, 404, 422)


def test_every_byte_of_a_query_and_of_a_header(full: Service) -> None:
    for byte in range(256):
        raw, escaped = bytes([byte]), b"%%%02x" % byte
        for target in (b"/apps?limit=1" + escaped, b"/instances?host=a" + raw + b"b", b"/apps?" + escaped):
            for status, _, _ in said_to(full, get(target)):
                assert status in (200, 400, 404, 422), (target, status)
        for name in (b"If-None-Match", b"Visor-Actor", b"Last-Event-ID", b"Accept", b"X-" + raw):
            for status, _, _ in said_to(full, get(b"/apps/cat", name + b': "1' + raw + b'"\r\n')):
                assert status in (200, 304, 400, 422), (name, byte, status)


AMBIGUOUS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Content-Length: 0\r\nContent-Length: 60\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 0x5\r\n",
    b"Content-Length: 5 5\r\n",
    b"Content-Length: 1e1\r\n",
    b"Content-Length: \xb2\r\n",
    b"Content-Length: 99999999999999999999999999\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: chunked;a=b\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Content-Length : 5\r\n",
    b" Content-Length: 5\r\n",
    b"X: a\r\n Content-Length: 60\r\n",
    b"X: a\nContent-Length: 60\r\n",
    b"X: a\rContent-Length: 60\r\n",
    b"X: a\0\r\n",
    b"Content\0-Length: 5\r\n",
    b": empty\r\n",
    b"no colon\r\n",
]


@pytest.mark.parametrize("lines", AMBIGUOUS)
def test_a_request_whose_end_is_in_doubt_is_refused_and_nothing_after_it_is_heard(
    full: Service, lines: bytes
) -> None:
    """Refused at once, or read one way and the rest not at all."""
    for body in (b"0\r\n\r\n" + SMUGGLED, b"{}  \n" + SMUGGLED, SMUGGLED):
        request = b"POST /instances/1/stop HTTP/1.1\r\n" + HOST + JSON + lines + b"\r\n"
        answers = said_to(full, request + body)
        assert len(answers) <= 1, answers
        for answer in answers:
            refused(answer, 400, 409, 413, 422)


BAD_CHUNKS = [
    b"5\r\nhello0\r\n\r\n",
    b"6\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"5\r\nhello\r\n0\r\nContent-Length: 60\r\n\r\n",
    b"5\r\nhel",
]


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
def test_bad_chunks_are_refused_and_nothing_after_them_is_heard(full: Service, chunks: bytes) -> None:
    request = b"PUT /apps/cat/env/cow HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    answers = said_to(full, request + chunks + CLOSE)
    assert len(answers) <= 2, answers
    for answer in answers:
        refused(answer, 400, 413, 422)


@pytest.mark.parametrize(
    "codings",
    [
        b"gzip, chunked",
        b"GZIP ,\tchunked",
        b"gzip\r\nTransfer-Encoding: chunked",
        b"deflate, br, chunked",
        b"identity, chunked",
        b"x-unknown, chunked",
    ],
)
def test_a_body_in_another_transfer_coding_is_501(full: Service, codings: bytes) -> None:
    head = b"POST /instances/1/stop HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: " + codings
    (answer,) = said_to(full, head + b"\r\n\r\n0\r\n\r\n" + SMUGGLED)
    refused(answer, 501)
    assert json.loads(answer[2])["code"] == "unsupported-transfer-coding"


@pytest.mark.parametrize(
    "lines",
    [
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: \r\n",
    ],
)
def test_a_request_without_an_end_is_refused_before_it_is_begun(lines: bytes) -> None:
    """A call without a body of its own must not be done, and be told that it was refused."""
    with serving() as visor:
        visor.runnable()
        visor.scale(1)
        assert visor.post("/instances/claim", {"host": "10.0.0.7"}).status_code == 200
        head = b"POST /instances/1/stop HTTP/1.1\r\n" + HOST
        (answer,) = said_to(visor, head + lines + b"\r\n0\r\n\r\n")
        refused(answer, 400)
        assert visor.get("/instances/1").json()["status"] == "claimed"


def test_http_1_0_knows_no_chunks(full: Service) -> None:
    """Neither in a request, whose end would be in doubt, nor in an answer."""
    chunked = b"Transfer-Encoding: chunked\r\n"
    head = b"PUT /apps/cat/env/cow HTTP/1.0\r\n" + HOST + JSON
    (answer,) = said_to(full, head + chunked + b'\r\nf\r\n{"value": "moo"}\r\n0\r\n\r\n' + SMUGGLED)
    refused(answer, 400)
    with socket.create_connection(("127.0.0.1", full.port), 60) as one:
        one.sendall(b"GET /events?snapshot=true HTTP/1.0\r\n\r\n")
        came = b""
        while b"event: snapshot-end" not in came:
            came += one.recv(65536)
        one.shutdown(socket.SHUT_WR)
        while part := one.recv(65536):
            came += part
    answer_head, _, body = came.partition(b"\r\n\r\n")
    assert answer_head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding" not in answer_head
    assert b"connection: close" in answer_head
    assert body.startswith(b"retry: ")
    assert body.endswith(b"\n\n")


def test_http_1_0_is_not_told_to_go_on(full: Service) -> None:
    """It does not know `100 Continue`, and would take it for its answer."""
    write = b"PUT /apps/cat/env/cow HTTP/1.0\r\n" + HOST + JSON + b"Content-Length: 2\r\n"
    with socket.create_connection(("127.0.0.1", full.port), 60) as one:
        one.sendall(write + b"Expect: 100-continue\r\n\r\n")
        one.sendall(b"{}")
        assert one.recv(65536).startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("path", [b"/apps", b"/livez", b"/openapi.json", b"/nowhere", b"/metrics"])
def test_no_answer_to_http_1_0_is_in_chunks(full: Service, method: bytes, path: bytes) -> None:
    with socket.create_connection(("127.0.0.1", full.port), 60) as one:
        one.sendall(method + b" " + path + b" HTTP/1.0\r\n\r\n")
        came = b""
        while part := one.recv(65536):
            came += part
    assert came.startswith(b"HTTP/1.1 ")
    assert b"transfer-encoding" not in came.partition(b"\r\n\r\n")[0]


TRAILERS = [
    b"Visor-Actor: root\r\n",
    b'If-Match: "1"\r\n',
    b"If-None-Match: *\r\nIdempotency-Key: k\r\n",
    b"Content-Type: text/plain\r\n",
    b"Host: other.example.com\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\nUpgrade: foo\r\n",
    b"Upgrade: h2c\r\nX: y\r\nConnection: Upgrade\r\n",
    b"Origin: https://evil.example.com\r\n",
]


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("cut", [None, 1, 40], ids=["in one", "byte by byte", "in pieces"])
def test_trailers_are_no_headers(trailer: bytes, cut: int | None) -> None:
    """They come when the headers are in use, and change neither the request nor what follows it."""
    head = b"PUT /apps/cat/env/cow HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    sent = head + b'f\r\n{"value":"moo"}\r\n0\r\n' + trailer + b"\r\n"
    with serving() as visor:
        visor.made("/apps", {"name": "cat", "repo_url": "https://git.example.com/c.git", "stack": "lenny"})
        with socket.create_connection(("127.0.0.1", visor.port), 60) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(sent), cut or len(sent)):
                one.sendall(sent[at : at + (cut or len(sent))])
            assert heard(one).startswith(b"HTTP/1.1 200")
            if trailer == b"Connection: close\r\n":
                # The parser of HTTP heeds it, and so has the connection closed: neatly.
                assert one.recv(1) == b""
            else:
                one.sendall(get(b"/apps/cat/env/cow"))
                assert heard(one).startswith(b"HTTP/1.1 200")
        page = visor.get("/events?rev=1", headers={"Accept": "application/json"}).json()
        (event,) = page["items"]
        assert event["actor"] is None or event["actor"] != "root"


def test_an_actor_in_a_trailer_is_nobody() -> None:
    """Beside one in a header, which counts."""
    actors = []
    with serving() as visor:
        visor.made("/apps", {"name": "cat", "repo_url": "https://git.example.com/c.git", "stack": "lenny"})
        for line in (b"", b"Visor-Actor: me\r\n"):
            head = b"PUT /apps/cat/env/cow HTTP/1.1\r\n" + HOST + JSON + CLOSE + line
            body = b'f\r\n{"value":"moo"}\r\n0\r\nVisor-Actor: root\r\n\r\n'
            (answer,) = said_to(visor, head + b"Transfer-Encoding: chunked\r\n\r\n" + body)
            assert answer[0] == 200
            visor.put("/apps/cat/env/cow", {"value": "other"})
        items = visor.get("/events?rev=1", headers={"Accept": "application/json"}).json()["items"]
        actors = [event["actor"] for event in items]
    assert "me" in actors
    assert "root" not in actors


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://visor", b"/"),
        (b"http://visor:8000", b"/"),
        (b"http://visor?rev=1", b"/?rev=1"),
        (b"http://[::1]:8000", b"/"),
        (b"http://visor/", b"/"),
        (b"http://visor/apps/cat?rev=3", b"/apps/cat?rev=3"),
        (b"HTTP://visor/apps/cat", b"/apps/cat"),
    ],
)
def test_an_absolute_target_is_what_its_path_is_and_without_one_the_root(
    full: Service, target: bytes, path: bytes
) -> None:
    (absolute,), (relative,) = said_to(full, get(target)), said_to(full, get(path))
    assert absolute[0] == relative[0]
    assert absolute[2] == relative[2]


def test_a_target_with_a_user_in_it_is_refused(full: Service) -> None:
    (answer,) = said_to(full, get(b"http://visor@other.example.com/apps"))
    refused(answer, 400)


def test_bytes_that_are_no_request_do_not_take_the_answer_of_the_one_before(full: Service) -> None:
    """That one was worked on, and its client has to know what came of it; then it is told of the others."""
    for broken in (b"\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"):
        answers = said_to(full, get(b"/rev").replace(CLOSE, b"") + broken + SMUGGLED)
        assert [status for status, _, _ in answers] == [200, 400]
        answers = said_to(full, get(b"/apps/cat").replace(CLOSE, b"") * 3 + broken + SMUGGLED)
        assert [status for status, _, _ in answers] == [200, 200, 200, 400]


def test_nothing_is_heard_after_a_request_that_asks_to_close(full: Service) -> None:
    for request in (get(b"/rev"), b"GET /rev HTTP/1.0\r\n\r\n"):
        answers = said_to(full, request + SMUGGLED + b"\0 junk\r\n\r\n")
        assert [status for status, _, _ in answers] == [200]


def test_who_asks_to_close_and_sends_more_gets_the_answer(full: Service) -> None:
    """A server that closes both ways at once resets what comes then, and a client that is writing may not
    get to read."""
    for request in (get(b"/rev"), b"GET /rev HTTP/1.0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", full.port), 60) as client:
            client.sendall(request)
            expected = _up_to_the_end(client)
            for _ in range(3):
                client.sendall(SMUGGLED)
            assert client.recv(65536) == expected
            assert expected.startswith(b"HTTP/1.1 200")
            assert client.recv(1) == b""


def _up_to_the_end(client: socket.socket) -> bytes:
    """What there is to read once the server has ended its side; none of it is taken."""
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    assert poll.poll(20_000), "the server does not end"
    return client.recv(65536, socket.MSG_PEEK)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"", 400),
        (b"Host: a\r\nHost: b\r\n", 400),
        (b"Host: visor\r\nHost: visor\r\n", 400),
        (b"Host: \r\n", 200),
        (b"Host: other.example.com:99999\r\n", 421),
        (b"Host: visor/livez?\r\n", 421),
        (b"hOST: visor\r\n", 200),
    ],
)
def test_a_request_has_one_host_that_the_service_goes_by(full: Service, lines: bytes, status: int) -> None:
    (answer,) = said_to(full, b"GET /apps/cat HTTP/1.1\r\n" + lines + CLOSE + b"\r\n")
    assert answer[0] == status
    if status == 400:
        refused(answer, 400)
        assert b"Host" in answer[2]


@pytest.mark.parametrize(
    ("line", "statuses"),
    [
        (b"GET http://visor/apps/cat HTTP/1.1", (200,)),
        (b"GET http://other.example.com/apps/cat HTTP/1.1", (421,)),
        (b"GET http://visor HTTP/1.1", (200, 303, 307, 308, 404)),
        (b"GET http:/// HTTP/1.1", (400, 404)),
        (b"GET http://visor:port/apps HTTP/1.1", (400, 404)),
        (b"GET //apps/cat HTTP/1.1", (400, 404)),
        # A path that begins with two slashes names no host: a proxy's rule for /apps would not see it.
        (b"GET //visor/apps/cat HTTP/1.1", (404,)),
        (b"GET /apps//cat HTTP/1.1", (404,)),
        (b"GET /apps/cat/ HTTP/1.1", (404,)),
        (b"GET apps/cat HTTP/1.1", (400, 404)),
        (b"GET * HTTP/1.1", (400, 404)),
        (b"OPTIONS * HTTP/1.1", (204,)),
        (b"GET ?rev=1 HTTP/1.1", (400, 404)),
        (b"GET /apps/cat#top HTTP/1.1", (200, 400)),
        (b"CONNECT visor:443 HTTP/1.1", (400, 404, 405)),
        (b"CONNECT /apps/cat HTTP/1.1", (400, 405)),
        (b"TRACE /apps/cat HTTP/1.1", (405,)),
        (b"PURGE /apps/cat HTTP/1.1", (405,)),
        (b"BREW /apps/cat HTTP/1.1", (400, 405)),
        (b"get /apps/cat HTTP/1.1", (400, 405)),
        (b"G\0T /apps/cat HTTP/1.1", (400,)),
        (b"A" * 300 + b" /apps/cat HTTP/1.1", (400, 405)),
        (b"GET /apps/cat HTTP/1.2", (400,)),
        (b"GET /apps/cat HTTP/2.0", (400,)),
        (b"GET /apps/cat HTTP/9.9", (400,)),
        (b"GET /apps/cat HTTP/1", (400,)),
        (b"GET /apps/cat http/1.1", (400,)),
        (b"GET /apps/cat", (400,)),
        (b"GET  /apps/cat  HTTP/1.1", (200, 400)),
        (b" GET /apps/cat HTTP/1.1", (400,)),
        (b"PRI * HTTP/2.0", (400,)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    ],
)
def test_request_lines(full: Service, line: bytes, statuses: tuple[int, ...]) -> None:
    (answer,) = said_to(full, line + b"\r\n" + HOST + CLOSE + b"\r\n")
    assert answer[0] in statuses, answer
    if answer[0] >= 400:
        refused(answer, *statuses)
    if answer[0] == 405:
        assert answer[1]["allow"] == "DELETE, GET, HEAD, PATCH"


def test_http_1_0_is_served_and_its_connection_closed(full: Service) -> None:
    (answer,) = said_to(full, b"GET /apps/cat HTTP/1.0\r\n\r\n" + get(b"/apps"))
    assert answer[0] == 200
    assert answer[1]["connection"] == "close"
    two = b"GET /apps/cat HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2
    assert {status for status, _, _ in said_to(full, two)} == {200}


def test_expectations(full: Service) -> None:
    write = b"PUT /apps/cat/env/cow HTTP/1.1\r\n" + HOST + JSON + CLOSE + b"Content-Length: 2\r\n"
    for what in (b"100-continue", b"100-Continue", b"200-maybe", b"", b"100-continue, 100-continue"):
        (answer,) = said_to(full, write + b"Expect: " + what + b"\r\n\r\n{}")
        refused(answer, 422)


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"gzip, identity", b"x-unknown"])
def test_packed_bodies_are_not_unpacked(full: Service, encoding: bytes) -> None:
    head = b"PUT /apps/cat/env/cow HTTP/1.1\r\n" + HOST + JSON + CLOSE
    bomb = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\xff" * 1000
    (answer,) = said_to(
        full, head + b"Content-Encoding: " + encoding + b"\r\nContent-Length: 1010\r\n\r\n" + bomb
    )
    refused(answer, 415)
    for answer in said_to(
        full,
        head + b"Transfer-Encoding: gzip, chunked\r\n\r\n3f2\r\n" + bomb + b"\r\n0\r\n\r\n",
    ):
        refused(answer, 501)


def test_many_requests_at_once_are_answered_in_order(full: Service) -> None:
    """Those sent before the first is answered too, up to 1,000 on a connection."""
    paths = [b"/apps/cat", b"/nowhere", b"/rev", b"/apps/a_b"]
    sent = b"".join(get(paths[n % 4]).replace(CLOSE, b"") for n in range(999)) + get(b"/livez")
    found = [status for status, _, _ in said_to(full, sent)]
    assert found == [(200, 404, 200, 422)[n % 4] for n in range(999)] + [200]


def test_too_many_requests_at_once_break_the_connection_off(full: Service) -> None:
    """A flood of them does not grow in the server; whoever comes after is served."""
    flood = get(b"/rev").replace(CLOSE, b"") * 20_000
    answers = 0
    with socket.create_connection(("127.0.0.1", full.port), 60) as one, suppress(ConnectionError):
        one.sendall(flood)
        while part := one.recv(1 << 20):
            answers += part.count(b"HTTP/1.1 200")
    assert answers < 20_000
    assert full.get("/rev").status_code == 200


def test_a_write_after_broken_bytes_is_not_heard(full: Service) -> None:
    for broken in (b"\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /rev HTTP/1.1\r\n\r\n"):
        answers = said_to(full, get(b"/rev").replace(CLOSE, b"") + broken + SMUGGLED)
        assert len(answers) <= 2, answers


def test_many_headers_and_huge_ones(full: Service) -> None:
    few = b"".join(b"X-%d: a\r\n" % n for n in range(2000))
    assert [status for status, _, _ in said_to(full, get(b"/rev", few))] == [200]
    for lines in (few * 4, b"X: " + b"a" * 100_000 + b"\r\n", b"X" * 100_000 + b": a\r\n"):
        (answer,) = said_to(full, get(b"/rev", lines))
        refused(answer, 400)
        assert b"65536 bytes" in answer[2]


BAD_JSON = {
    "deep arrays": b"[" * 65 + b"]" * 65,
    "deep objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "very deep": b"[" * 500_000,
    "half a surrogate": b'{"value": "\\ud800"}',
    "half a surrogate in a key": b'{"\\udfff": "x"}',
    "NaN": b'{"value": NaN}',
    "Infinity": b'{"value": -Infinity}',
    "a repeated key": b'{"value": "x", "value": "y"}',
    "4,000 digits": b'{"value": ' + b"7" * 4000 + b"}",
    "1e400": b'{"value": 1e400}',
    "not UTF-8": b'{"value": "\xff\xfe"}',
    "an overlong slash": b'{"value": "\xc0\xaf"}',
    "a mark of byte order": b'\xef\xbb\xbf{"value": "x"}',
    "cut short": b'{"value": "x"',
    "two values": b'{"value": "x"} {"value": "y"}',
    "a NUL": b'{"value": "\0"}',
}


@pytest.mark.parametrize("what", BAD_JSON)
def test_no_call_takes_what_is_not_plainly_json(full: Service, what: str) -> None:
    """Every call that writes, each kind of bad JSON."""
    headers = {"Content-Type": "application/json"}
    for method, template in BODIES:
        answer = full.client.request(method, path_of(template), content=BAD_JSON[what], headers=headers)
        assert answer.status_code == 400, f"{method} {template}: {answer.status_code} {answer.text}"
        assert answer.json()["code"] == "malformed-request"


def test_a_body_in_chunks_past_the_limit(full: Service) -> None:
    head = b"PUT /apps/cat/env/cow HTTP/1.1\r\n" + HOST + JSON + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n"
    (answer,) = said_to(full, head + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 17 + b"0\r\n\r\n")
    refused(answer, 413)
