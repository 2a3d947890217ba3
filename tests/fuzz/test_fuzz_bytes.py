"""Whatever bytes come in, valid HTTP goes out or the connection is closed; nobody else is disturbed.

`VISOR_FUZZ_EXAMPLES` is the number of random requests of each kind.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.busy_registry import fill
from tests.fuzz.raw_http import Exchange
from tests.serving import Service, serving
from tests.sse.sse_reader import SseStream

EXAMPLES = int(os.environ.get("VISOR_FUZZ_EXAMPLES", "0"))

BOUNDED = settings(
    max_examples=EXAMPLES or 300,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

# Short deadlines: half a request is one of the things that come.
QUICK = {"header_timeout": 0.1, "body_timeout": 0.1, "keep_alive": 0.05, "bookmark": 0.05}


@pytest.fixture
def busy(caplog: pytest.LogCaptureFixture) -> Iterator[Service]:
    """A service that is full, with a subscriber who, when all is over, has missed nothing; and no fault of
    the service's own was logged."""
    with serving(**QUICK) as visor:
        fill(lambda method, path, body: _json(visor, method, path, body))
        start = visor.rev
        with SseStream(visor.port, "/events", rev=start) as healthy:
            caplog.set_level(logging.ERROR)
            yield visor
            last = visor.put("/apps/cat/env/last", {"value": "the last"}).json()["rev"]
            seen = [frame.id for frame in healthy.up_to(last) if frame.is_event]
            assert seen == [f"{event['rev']}-{event['index']}" for event in _history(visor, start)]
            assert len(seen) > 1, "nothing happened beside"
        assert visor.get("/readyz").status_code == 200
        assert caplog.records == []


def _json(visor: Service, method: str, path: str, body: object) -> object:
    answer = visor.client.request(method, path, json=body)
    return answer.json() if answer.is_success else None


def _history(visor: Service, after: int) -> list[dict[str, int]]:
    found, headers = [], {"Accept": "application/json", "Last-Event-ID": str(after)}
    while items := (page := visor.get("/events?limit=1000", headers=headers).json())["items"]:
        found += items
        headers["Last-Event-ID"] = page["next"]
    return found


def check(visor: Service, sent: bytes, cuts: Sequence[int] = (), half_closes: bool = False) -> list[int]:
    """What every answer has to be, to whatever bytes. The statuses."""
    answers = Exchange(visor.port, sent, cuts, half_closes).answers
    for answer in answers:
        # 501 is for bodies in other codings than chunked.
        assert answer.status < 500 or answer.status == 501, (sent, answer)
        if answer.is_stream:
            for frame in answer.frames:
                assert frame.data is None or isinstance(frame.said, dict), (sent, frame)
        elif answer.status >= 400 and answer.body and not answer.body.startswith(b"Invalid HTTP"):
            # That is the server's word for what is no request at all; ours are problems.
            assert answer.problem["status"] == answer.status, (sent, answer)
    return [answer.status for answer in answers]


# Words that parsers of HTTP, of queries and of JSON stumble over.
HOSTILE = [
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\t", b" ", b"\x7f", b"\xff\xfe", b"\xed\xa0\x80"),
    *(b"%", b"%00", b"%0d%0a", b"%ff", b"%2F", b"%2e%2e", b"/../", b"//", b"?", b"#", b"&", b"=", b";", b","),
    *(b"Content-Length: 0\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n"),
    *(b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
    *(b"0\r\nVisor-Actor: root\r\nUpgrade: x\r\n\r\n", b"http://visor", b"http://visor?rev=1"),
    *(b"Connection: upgrade\r\n", b"Connection: close\r\n", b"Host: a\r\nHost: b\r\n", b"x" * 70_000),
    *(
        b"HTTP/1.0",
        b"HTTP/2.0",
        b"HTTP/0.9",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
    ),
    *(
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b'"',
        b"'",
        b"\\",
        b"\\ud800",
        b"{",
        b"[" * 2000,
        b"1e999",
        b"NaN",
    ),
    *(
        b"9223372036854775808",
        b"-1",
        b"5_0",
        "²".encode(),
        "٣".encode(),
        b"*",
        b"W/",
        b"0-0",
        b"1-99999999999",
    ),
]
NAMES = [
    b"rev",
    b"type",
    b"app",
    b"proctype",
    b"instance",
    b"host",
    b"snapshot",
    b"limit",
    b"wait",
    b"x",
    b"",
]
VALUES = [b"1", b"0", b"true", b"instance-*", b"cat", b"web", b"10.0.0.7", b"1000", b""]

text = st.binary(max_size=40)
words = st.sampled_from([*HOSTILE[:-1], *VALUES])
values = st.lists(words | text, max_size=2).map(b"".join)
# A wait is bounded by what is asked, up to a minute: here nothing valid is asked of it.
pairs = st.tuples(
    st.sampled_from(NAMES) | text, st.one_of(values.map(quote_from_bytes).map(str.encode), values, words)
).filter(lambda pair: pair[0] != b"wait" or not pair[1].isdigit())
queries = st.lists(pairs, max_size=4).map(lambda found: b"&".join(b"=".join(pair) for pair in found))
lines = st.tuples(
    st.sampled_from([b"Last-Event-ID", b"Accept", b"If-None-Match", b"Range", b"Accept-Encoding", b"Host"]),
    st.sampled_from([b"42-0", b"1", b"*/*", b"application/json", b"text/event-stream", b"*"]) | values,
).map(lambda line: b"%b: %b\r\n" % line)


@st.composite
def subscriptions(draw: st.DrawFn) -> bytes:
    """A request for events, well formed but for what is in its parts."""
    method = draw(st.sampled_from([b"GET", b"GET", b"GET", b"GET", b"HEAD", b"POST", b"OPTIONS", b"BREW"]))
    path = draw(st.sampled_from([b"/events", b"/apps/cat/events"]))
    headers = b"".join(draw(st.lists(lines, max_size=3)))
    return b"%b %b?%b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (method, path, draw(queries), headers)


def _request(method: bytes, path: bytes, body: bytes = b"", more: bytes = b"") -> bytes:
    if body:
        more += b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n%b" % (method, path, more, body)


VALID = [
    _request(b"GET", b"/apps/cat?rev=10"),
    _request(b"GET", b"/instances?status=running&limit=3&host=10.0.0.7", more=b'If-None-Match: "1"\r\n'),
    _request(b"GET", b"/events?rev=1&snapshot=true&type=instance-*", more=b"Last-Event-ID: 3-0\r\n"),
    _request(b"GET", b"/apps/cat/events?rev=1", more=b"Accept: application/json\r\n"),
    _request(b"PUT", b"/apps/cat/env/cow", b'{"value": "moo"}', b"If-Match: *\r\nVisor-Actor: me\r\n"),
    _request(b"PATCH", b"/apps/cat/env", b'{"a": "1", "b": null, "c": "\\u00e9"}'),
    _request(
        b"POST", b"/apps", b'{"name": "new", "repo_url": "a://b", "stack": "c"}', b"Idempotency-Key: k\r\n"
    ),
    _request(b"POST", b"/instances/claim", b'{"host": "10.0.0.7", "app": "cat"}'),
    _request(b"DELETE", b"/apps/nobody"),
    _request(b"POST", b"/apps/cat/env", more=b"Transfer-Encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\n\r\n",
    _request(b"GET", b"/metrics") + _request(b"GET", b"/rev"),
    _request(b"GET", b"/events?rev=1").replace(b"HTTP/1.1", b"HTTP/1.0"),
    _request(b"GET", b"http://visor/apps/cat?rev=10"),
    _request(b"PUT", b"/apps/cat/env/cow", b'{"value": "moo"}', b"Connection: Upgrade\r\nUpgrade: foo\r\n"),
    _request(b"POST", b"/apps/cat/env", more=b"Transfer-Encoding: chunked\r\n")
    + b"2\r\n{}\r\n0\r\nVisor-Actor: root\r\n\r\n"
    + _request(b"GET", b"/rev"),
]

SMUGGLED = _request(b"DELETE", b"/services/canary")

# What a request may say besides how long it is.
ASIDES = [
    *(b"Upgrade: foo\r\n", b"upgrade: h2c, foo/1\r\n", b"Connection: Upgrade\r\n", b"Connection: close\r\n"),
    *(b"Connection: keep-alive, upgrade, HTTP2-Settings\r\n", b"HTTP2-Settings: AAMA\r\n"),
    *(b"Expect: 100-continue\r\n", b"TE: trailers\r\n", b"Trailer: Upgrade\r\n", b"Accept: */*\r\n"),
    *(b"Sec-WebSocket-Key: eA==\r\n", b"Sec-WebSocket-Version: 13\r\n", b"Proxy-Connection: upgrade\r\n"),
]


@st.composite
def carriers(draw: st.DrawFn) -> bytes:
    """Requests whose bodies are requests: each ends where it says, in one way that nobody can doubt."""
    sent = b""
    for _ in range(draw(st.integers(1, 3))):
        method = draw(st.sampled_from([b"PUT", b"POST", b"GET", b"DELETE", b"OPTIONS"]))
        path = draw(st.sampled_from([b"/apps/cat/env/x", b"/instances/1/stop", b"/events/list", b"/rev"]))
        target = draw(st.sampled_from([b"", b"http://visor"])) + path
        asides = b"".join(draw(st.lists(st.sampled_from(ASIDES), max_size=4)))
        trailers = b"".join(draw(st.lists(st.sampled_from(ASIDES), max_size=2)))
        body = draw(st.sampled_from([SMUGGLED, SMUGGLED * 3, b"{}" + SMUGGLED, b"0\r\n\r\n" + SMUGGLED, b""]))
        if draw(st.booleans()):
            framing, body = b"Content-Length: %d\r\n" % len(body), body
        else:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            framing, body = b"Transfer-Encoding: chunked\r\n", chunk + b"0\r\n" + trailers + b"\r\n"
        head = b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b%b" % (method, target, asides, framing)
        sent += head + b"Content-Type: application/json\r\n\r\n" + body
    return sent


segments = st.lists(st.integers(0, 100_000), max_size=4)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A valid request, after up to three accidents."""
    found = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(found)))
        end = min(len(found), start + draw(st.sampled_from([0, 0, 1, 2, 10, 1000])))
        part = draw(st.sampled_from(HOSTILE) | text | st.just(found[start:end] * 3))
        found = found[:start] + part + found[end:]
    return found


@settings(BOUNDED)
@given(sent=subscriptions(), number=st.integers(0, 9), half_closes=st.booleans())
def _subscribe(visor: Service, sent: bytes, number: int, half_closes: bool) -> None:
    check(visor, sent, (), half_closes)
    visor.put("/apps/cat/env/beside", {"value": str(number)})


def test_whatever_is_asked_of_the_streams(busy: Service) -> None:
    """In queries, in Last-Event-ID and Accept, by any method."""
    _subscribe(busy)


@settings(BOUNDED)
@given(sent=mutants(), number=st.integers(0, 9), cuts=segments, half_closes=st.booleans())
def _mutate(visor: Service, sent: bytes, number: int, cuts: list[int], half_closes: bool) -> None:
    check(visor, sent, cuts, half_closes)
    visor.put("/apps/cat/env/beside", {"value": str(number)})


def test_requests_that_were_damaged_on_the_way(busy: Service) -> None:
    _mutate(busy)


@settings(BOUNDED)
@given(sent=st.binary(min_size=1, max_size=300) | st.lists(words, min_size=1).map(b"".join))
def _babble(visor: Service, sent: bytes) -> None:
    check(visor, sent)


@settings(BOUNDED)
@given(sent=carriers(), cuts=segments, half_closes=st.booleans())
def _carry(visor: Service, sent: bytes, cuts: list[int], half_closes: bool) -> None:
    statuses = check(visor, sent, cuts, half_closes)
    assert statuses, sent
    assert visor.get("/services/canary").status_code == 200, (sent, cuts, statuses)


def test_a_body_is_never_taken_for_a_request(busy: Service) -> None:
    """Whatever else the request says, and wherever the network cuts it."""
    busy.made("/services", {"name": "canary"})
    busy.put("/apps/cat/env/beside", {"value": "1"})
    _carry(busy)


def test_bytes_that_are_no_request_at_all(busy: Service) -> None:
    _babble(busy)
    busy.put("/apps/cat/env/beside", {"value": "1"})
