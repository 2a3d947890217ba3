"""The server ends its streams, and gives headers a deadline and a size (traps 1, 8, 38)."""

import threading
import time

import httpx2
import pytest

from app.errors import StartError
from app.server.server import listen

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def test_an_open_stream_ends_cleanly_at_shutdown_and_does_not_hold_it_up(serve):
    with serve() as edge:
        with edge.client.stream("GET", "/stream") as response:
            chunks = response.iter_raw()
            assert next(chunks) == b": hello\n\n"
            stopper = threading.Thread(target=edge.shut_down)
            began = time.monotonic()
            stopper.start()
            # Reading to the end without an error means that the stream was complete.
            assert b"".join(chunks) == b"event: gone\n\n"
            stopper.join()
        assert time.monotonic() - began < 20


def test_what_does_not_end_is_cancelled_at_the_shutdown_timeout(serve):
    with serve(shutdown_timeout=1) as edge:
        connection = edge.connect()
        connection.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        edge.eventually(lambda: edge.capacity.requests == 1)
        edge.shut_down()


def test_headers_that_stay_incomplete_are_closed_at_the_deadline(serve):
    with serve(header_timeout=0.4) as edge:
        silent, partial, slow = edge.connect(), edge.connect(), edge.connect()
        partial.send(b"GET / HTTP/1.1\r\nHost:")
        slow.send(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert slow.fed_until_closed(b"a"), "a byte now and then bought more time"
        assert silent.closed()
        assert partial.closed()


def test_blank_lines_do_not_keep_a_connection_open(serve):
    with serve(header_timeout=0.4, keep_alive=30) as edge:
        connection = edge.connect()
        connection.send(GET)
        assert connection.answer().status == 200
        assert connection.fed_until_closed(b"\r\n")


def test_an_idle_connection_outlives_the_header_deadline_but_the_next_partial_headers_do_not(serve):
    with serve(header_timeout=0.3, keep_alive=30) as edge:
        connection = edge.connect()
        connection.send(GET)
        assert connection.answer().status == 200
        assert not connection.closed(0.7)
        # However slow the machine is: the second part is in time.
        edge.server.config.header_timeout = 60
        connection.send(GET[:20])
        time.sleep(0.1)
        connection.send(GET[20:])
        assert connection.answer().status == 200
        edge.server.config.header_timeout = 0.3
        connection.send(GET[:20])
        assert connection.closed()


def test_an_idle_connection_is_closed_by_the_keep_alive_timeout(serve):
    with serve(keep_alive=1) as edge:
        connection = edge.connect()
        connection.send(GET)
        assert connection.answer().status == 200
        assert connection.closed()


def test_an_answer_may_take_longer_than_the_header_deadline(serve):
    with serve(header_timeout=0.2) as edge:
        connection, stream = edge.connect(), edge.connect()
        connection.send(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        stream.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stream.answer().status == 200
        # A next request that is begun while the answer is out does not cut the answer off.
        stream.send(GET[:20])
        assert not connection.closed(0.6)
        edge.state.gate.set()
        assert connection.answer().status == 200
        assert edge.state.endless_running == 1


def test_the_rest_of_a_body_that_was_answered_already_has_a_deadline_too(serve):
    with serve(header_timeout=0.4, keep_alive=30) as edge:
        connection = edge.connect()
        connection.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert connection.answer().status == 404
        assert connection.fed_until_closed(b"x")


def test_a_connection_whose_body_came_after_the_answer_serves_on_and_idles_out(serve):
    with serve(keep_alive=1) as edge:
        connection = edge.connect()
        connection.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        assert connection.answer().status == 200
        connection.send(b"abc" + GET)
        assert connection.answer().body == b'{"ok":true}'
        connection.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        assert connection.answer().status == 200
        connection.send(b"abc")
        assert connection.closed(), "the idle connection is never closed"


def assert_refused(answer, words):
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert answer.headers["visor-rev"] == "42"
    assert b'"code":"malformed-request"' in answer.body
    assert words in answer.body


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 2_000_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"X-Many: aaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 60_000 + b"\r\n",
        b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 66_000 + b"\r\n\r\n",
    ],
    ids=["one value", "many", "url", "just over"],
)
def test_headers_over_the_limit_are_refused_with_an_answer_that_arrives(edge, head):
    connection = edge.connect()
    connection.send(head)
    assert_refused(connection.answer(), b"65536 bytes")


def test_headers_under_the_limit_are_served(edge):
    connection = edge.connect()
    connection.send(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 65_000 + b"\r\n\r\n")
    assert connection.answer().status == 200


def test_a_trailer_without_end_is_refused_too(edge):
    connection = edge.connect()
    connection.send(
        b"POST /lax HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Big: "
    )
    connection.send(b"a" * 2_000_000)
    assert_refused(connection.answer(), b"65536 bytes")


def test_large_bodies_do_not_count_as_headers(edge):
    assert edge.client.post(
        "/lax", content=b'"%b"' % (b"x" * 499_998), headers={"Content-Type": "application/json"}
    ).json() == {"size": 500_000}


def test_what_is_not_http_is_refused_as_a_problem(edge):
    connection = edge.connect()
    connection.send(b"\x16\x03\x01 what is this\r\n\r\n")
    assert_refused(connection.answer(), b"not valid HTTP")


def test_broken_bytes_after_an_answer_began_break_it_off_and_are_not_answered_into_it(edge):
    connection = edge.connect()
    connection.send(b"POST /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.answer().status == 405
    connection.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.answer().status == 200
    connection.send(b"\x00\x00\r\n\r\n")
    assert b"HTTP/1.1 400" not in connection.until_closed()
    edge.eventually(lambda: edge.capacity.subscribers == 0)


def test_answers_have_a_date_and_name_no_software(edge):
    headers = edge.client.get("/livez").headers
    assert "date" in headers
    assert "server" not in headers


def test_pipelined_requests_are_answered_in_order(edge):
    connection = edge.connect()
    connection.send(
        b"GET /things/a HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /things/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    answers = connection.until_closed()
    assert answers.index(b'{"name":"a"}') < answers.index(b'{"name":"b"}')


def test_an_address_in_use_stops_the_start_with_one_line():
    with listen("127.0.0.1", 0) as taken, pytest.raises(StartError) as error:
        listen("127.0.0.1", taken.getsockname()[1])
    assert str(error.value).startswith("cannot listen on 127.0.0.1 port ")
    assert "\n" not in str(error.value)
    with pytest.raises(StartError):
        listen("127.0.0.1", 70_000)


def test_a_client_that_goes_away_while_it_sends_is_no_fault(edge, caplog):
    connection = edge.connect()
    connection.send(
        b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    )
    edge.eventually(lambda: edge.capacity.arriving == 1)
    connection.socket.close()
    edge.eventually(lambda: edge.capacity.arriving == 0)
    assert edge.client.get("/livez", headers={"Connection": "close"}).status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_an_upgrade_that_is_not_offered_is_answered_as_plain_http(edge):
    response = httpx2.get(
        f"http://127.0.0.1:{edge.port}/livez",
        headers={"Connection": "Upgrade", "Upgrade": "websocket"},
        timeout=60,
        trust_env=False,
    )
    assert response.json() == {"ok": True}


def test_a_client_that_reads_nothing_is_cut_off_and_holds_nothing(serve):
    with serve(send_timeout=0.3) as edge:
        connection = edge.connect()
        connection.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        edge.eventually(lambda: edge.capacity.requests == 1)
        edge.eventually(lambda: edge.capacity.requests == 0)


def test_a_client_that_reads_slowly_is_served(serve):
    with serve(send_timeout=0.5) as edge:
        connection = edge.connect()
        connection.send(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(10):
            time.sleep(0.1)
            for _ in range(100):
                assert connection.socket.recv(65536)
