"""A client may offer another protocol with any request: the offer is declined, and the request is served as
plain HTTP/1.1, body and all. A server that loses the body takes what comes next for a new request.
"""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.held import JSON, heard
from tests.serving import APP, Service, serving

SMUGGLED = b"DELETE /services/victim HTTP/1.1\r\nHost: x\r\n\r\n"

OFFERS = {
    "an unknown protocol": b"Connection: Upgrade\r\nUpgrade: foo\r\n",
    "h2c, as curl and Java do": b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "websocket": b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n",
    "lower case, twice": b"upgrade: foo\r\nconnection: x\r\nconnection: upgrade\r\nupgrade: bar/2\r\n",
}


@pytest.fixture(scope="module")
def visor() -> Iterator[Service]:
    with serving() as service:
        service.made("/apps", APP)
        service.made("/services", {"name": "victim"})
        yield service


@pytest.fixture(autouse=True)
def _nothing_is_smuggled(visor: Service) -> Iterator[None]:
    yield
    assert visor.get("/services/victim").status_code == 200


def _put(offer: bytes, body: bytes, *, chunked: bool, version: bytes = b"1.1") -> tuple[bytes, bytes]:
    """The head and the body of a write."""
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(body)
    head = b"PUT /apps/cat/env/cow HTTP/%b\r\nHost: x\r\n%b%b%b\r\n" % (version, JSON, offer, framing)
    if chunked:
        half = len(body) // 2
        parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part]
        body = b"".join(parts) + b"0\r\n\r\n"
    return head, body


def _segments(head: bytes, body: bytes, how: str) -> list[bytes]:
    whole = head + body
    if how == "byte by byte":
        return [whole[n : n + 1] for n in range(len(whole))]
    return {
        "in one": [whole],
        "head, body": [head, body],
        "head and some, rest": [whole[: len(head) + 3], whole[len(head) + 3 :]],
        "in the middle of the offer": [whole[:70], whole[70:]],
    }[how]


def _connection(visor: Service) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", visor.port), 60)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


HOW = ["in one", "head, body", "head and some, rest", "in the middle of the offer", "byte by byte"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunked"])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_a_write_that_offers_an_upgrade_is_done_with_its_body(
    visor: Service, offer: bytes, chunked: bool, how: str
) -> None:
    value = b"%d-%d-%d" % (len(offer), chunked, HOW.index(how))
    with _connection(visor) as one:
        for segment in _segments(*_put(offer, b'{"value":"%b"}' % value, chunked=chunked), how):
            one.sendall(segment)
        answer = heard(one)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert b"upgrade" not in answer.lower()
        assert visor.get("/apps/cat/env/cow").json()["value"] == value.decode()
        # And its connection goes on.
        one.sendall(b"GET /rev HTTP/1.1\r\nHost: x\r\n\r\n")
        assert heard(one).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunked"])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_a_body_is_never_taken_for_a_request(visor: Service, offer: bytes, chunked: bool, how: str) -> None:
    """Whatever it looks like, and however it is cut."""
    with _connection(visor) as one:
        for segment in _segments(*_put(offer, SMUGGLED, chunked=chunked), how):
            one.sendall(segment)
        assert heard(one).startswith(b"HTTP/1.1 400")
        one.sendall(b"GET /rev HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert heard(one).startswith(b"HTTP/1.1 200")
        assert one.recv(1) == b""


def test_requests_behind_an_offer_are_answered_in_their_order(visor: Service) -> None:
    with _connection(visor) as one:
        for offer in OFFERS.values():
            head, body = _put(offer, b'{"value":"moo"}', chunked=False)
            read = b"GET /apps/cat/env/cow HTTP/1.1\r\nHost: x\r\n%b\r\n" % offer
            one.sendall(head + body + read + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
            came = b""
            while b"not-found" not in came:
                came += one.recv(65536)
            assert [part[:3] for part in came.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"404"]


def test_a_waiting_request_may_offer_an_upgrade_too(visor: Service) -> None:
    with _connection(visor) as one:
        body = b'{"host":"10.0.0.7","wait":1}'
        one.sendall(
            b"POST /instances/claim HTTP/1.1\r\nHost: x\r\n%b%bContent-Length: %d\r\n\r\n"
            % (JSON, OFFERS["an unknown protocol"], len(body))
        )
        one.sendall(body)
        assert one.recv(4096).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("more", [b"", b"Content-Length: 60\r\n", b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("target", [b"visor:443", b"/apps/cat"])
def test_no_tunnel_is_made_and_nothing_in_one_is_heard(visor: Service, target: bytes, more: bytes) -> None:
    with _connection(visor) as one:
        one.sendall(b"CONNECT " + target + b" HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n")
        assert heard(one).startswith(b"HTTP/1.1 400")
        one.sendall(SMUGGLED)
        assert one.recv(100) == b""


def test_http_1_0_and_close_end_the_connection_with_an_offer_too(visor: Service) -> None:
    for version, offer in (
        (b"1.0", OFFERS["websocket"]),
        (b"1.1", b"Connection: close, upgrade\r\nUpgrade: x\r\n"),
    ):
        with _connection(visor) as one:
            one.sendall(b"".join(_put(offer, b'{"value":"moo"}', chunked=False, version=version)) + SMUGGLED)
            assert heard(one).startswith(b"HTTP/1.1 200")
            assert one.recv(1) == b""


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_that_offers_http_2(visor: Service) -> None:
    """With a body, without one, and with a body that it asks leave for."""
    url = f"{visor.url}/apps/cat/env/curl"
    for value in ("moo", "m" * 5000):
        body = f'{{"value":"{value}"}}'
        command = ["curl", "-sS", "--fail", "--http2", "-X", "PUT", "--json", body, url]
        for more in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
            subprocess.run([*command, *more], check=True, capture_output=True, timeout=60)
            said = subprocess.run(
                ["curl", "-sS", "--fail", "--http2", url], check=True, capture_output=True, timeout=60
            )
            assert f'"value":"{value}"' in said.stdout.decode()


JAVA = """
import java.net.URI;
import java.net.http.*;
import java.util.concurrent.Flow;

class Calls {
    public static void main(String[] given) throws Exception {
        var client = HttpClient.newHttpClient();  // as it comes: it offers h2c with every call
        var to = HttpRequest.newBuilder(URI.create(given[0] + "/apps/cat/env/java"));
        for (var body : new String[] {"moo", "m".repeat(50_000)}) {
            var bytes = ("{\\"value\\":\\"" + body + "\\"}").getBytes();
            var sized = HttpRequest.BodyPublishers.ofByteArray(bytes);
            var chunked = HttpRequest.BodyPublishers.fromPublisher(sized);
            for (var publisher : new HttpRequest.BodyPublisher[] {sized, chunked}) {
                var put = to.copy().header("Content-Type", "application/json").PUT(publisher).build();
                var answer = client.send(put, HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() != 200) throw new Error(answer + answer.body());
                var got = client.send(to.copy().GET().build(), HttpResponse.BodyHandlers.ofString());
                if (!got.body().contains(body)) throw new Error(got + got.body());
            }
        }
    }
}
"""


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK")
def test_the_http_client_of_java_as_it_comes(visor: Service, tmp_path: Path) -> None:
    source = tmp_path / "Calls.java"
    source.write_text(JAVA)
    command = ["java", "-Xmx128m", str(source), visor.url]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
