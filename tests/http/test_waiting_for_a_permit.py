"""A request for which there is no room waits for its permit, and is done then as if it came then."""

import re
import time
from contextlib import ExitStack

from tests.etcd.cluster import until
from tests.http.held import JSON, READ, asked, heard, held_writes, put
from tests.serving import APP, Service, serving

PATIENT = {"place_timeout": 60.0}


def waiting(visor: Service, count: int) -> None:
    """Wait until so many wait in line."""
    until(lambda: visor.app.admission.waiting == count, f"{count} wait")


def test_a_burst_is_served_and_not_refused() -> None:
    """Of ten times as many as there is room for, each is done, with its body, and nothing is left over."""
    with serving(max_requests=4, max_writes=2, **PATIENT) as visor, ExitStack() as open_:
        with held_writes(visor, 2):
            burst = [open_.enter_context(asked(visor, put(100 + n))) for n in range(40)]
            waiting(visor, 40)
            assert "visor_http_requests_waiting 40.0" in visor.get("/metrics").text
        for one in burst:
            assert heard(one).startswith(b"HTTP/1.1 200")
        members = {one["addr"]: one["version"] for one in visor.get("/members/pms").json()["items"]}
        assert all(members[f"10.0.1.{100 + n}"] == "1" for n in range(40))
        until(lambda: visor.settled, "every place is given back")
        assert "visor_http_requests_waiting 0.0" in visor.get("/metrics").text


def test_first_come_first_served() -> None:
    """Those who wait get their permits in the order in which they came, and nobody who comes later one
    before them."""
    with serving(max_requests=1, **PATIENT) as visor, ExitStack() as open_:
        with held_writes(visor, 1):
            line = []
            for number in range(20):
                line.append(open_.enter_context(asked(visor, put(100 + number))))
                waiting(visor, number + 1)
        revs = [int(re.search(rb"visor-rev: (\d+)", heard(one))[1]) for one in line]
        assert revs == sorted(revs)
        assert len(set(revs)) == 20


def test_writes_that_wait_keep_no_read_out() -> None:
    with serving(max_requests=3, max_writes=1, **PATIENT) as visor, ExitStack() as open_:
        with held_writes(visor, 1):
            line = [open_.enter_context(asked(visor, put(100 + n))) for n in range(5)]
            waiting(visor, 5)
            for _ in range(5):
                assert visor.get("/rev").status_code == 200
        for one in line:
            assert heard(one).startswith(b"HTTP/1.1 200")


def test_who_has_waited_for_the_place_timeout_is_refused() -> None:
    with serving(max_requests=1, place_timeout=0.3) as visor, held_writes(visor, 1):
        began = time.monotonic()
        answer = visor.get("/rev")
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "1"
        assert time.monotonic() - began >= 0.3


def test_refusals_are_so_many_in_a_second_and_no_more() -> None:
    """However many are asked for: what refusing costs is taken from those that are served."""
    with serving(max_requests=1, place_timeout=0) as visor, held_writes(visor, 1), ExitStack() as open_:
        began = time.monotonic()
        asking = [open_.enter_context(asked(visor, READ)) for _ in range(800)]
        for one in asking:
            assert heard(one).startswith(b"HTTP/1.1 429")
        # 125 are saved up, 500 are made in a second.
        assert time.monotonic() - began > (800 - 125) / 500 * 0.95


def test_a_connection_that_is_to_close_is_closed_after_the_wait() -> None:
    close = READ.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with serving(max_requests=1, **PATIENT) as visor:
        with held_writes(visor, 1):
            one = asked(visor, close)
            waiting(visor, 1)
        with one:
            came = b""
            while part := one.recv(65536):
                came += part
        assert came.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in came.lower()


def test_a_connection_that_stays_serves_on_after_the_wait() -> None:
    with serving(max_requests=1, **PATIENT) as visor:
        with held_writes(visor, 1):
            one = asked(visor, put(7))
            waiting(visor, 1)
        with one:
            assert heard(one).startswith(b"HTTP/1.1 200")
            for _ in range(3):
                one.sendall(READ)
                assert heard(one).startswith(b"HTTP/1.1 200")


def test_a_body_that_comes_in_parts_is_whole_after_the_wait() -> None:
    """Some of it with the headers, some while it waits, some after."""
    request = put(7, "a" * 60)
    with serving(max_requests=1, **PATIENT) as visor:
        with held_writes(visor, 1):
            one = asked(visor, request[:-50])
            waiting(visor, 1)
            one.sendall(request[-50:-25])
        with one:
            one.sendall(request[-25:])
            assert heard(one).startswith(b"HTTP/1.1 200")
        assert visor.get("/members/pms/10.0.1.7").json()["version"] == "a" * 60


def test_who_sends_its_body_later_waits_for_its_place_again() -> None:
    """A client that has its place sends headers, and a body in a packet of its own: it is not refused for
    those who have come in between, nor do they wait for it."""
    request = put(7)
    with serving(max_requests=1, **PATIENT) as visor, ExitStack() as open_:
        slow = open_.enter_context(asked(visor, request[:-5]))
        until(lambda: visor.context.capacity.arriving > 0, "its body arrives")
        with held_writes(visor, 1):
            others = [open_.enter_context(asked(visor, put(100 + n))) for n in range(3)]
            waiting(visor, 3)
            slow.sendall(request[-5:])
            waiting(visor, 4)
        for one in (*others, slow):
            assert heard(one).startswith(b"HTTP/1.1 200")
        until(lambda: visor.settled, "every place is given back")


def test_who_has_sent_its_body_and_waits_too_long_is_refused() -> None:
    """As every other; its connection goes on."""
    request = put(7)
    with serving(max_requests=1, place_timeout=0.05) as visor:
        with asked(visor, request[:-5]) as slow:
            until(lambda: visor.context.capacity.arriving > 0, "its body arrives")
            with held_writes(visor, 1):
                slow.sendall(request[-5:])
                assert heard(slow).startswith(b"HTTP/1.1 429")
            slow.sendall(request)
            assert heard(slow).startswith(b"HTTP/1.1 200")
        until(lambda: visor.settled, "every place is given back")


def test_a_client_that_goes_when_its_body_is_there_keeps_no_place() -> None:
    request = put(7)
    with serving(max_requests=1, **PATIENT) as visor:
        slow = asked(visor, request[:-5])
        until(lambda: visor.context.capacity.arriving > 0, "its body arrives")
        with held_writes(visor, 1):
            slow.sendall(request[-5:])
            waiting(visor, 1)
            slow.close()
        until(lambda: visor.settled, "every place is given back")
        assert visor.get("/rev").status_code == 200


def test_who_asks_before_sending_is_told_to_go_on_after_the_wait() -> None:
    body = b'{"name":"memcached"}'
    head = b"POST /services HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (
        JSON,
        len(body),
    )
    with serving(max_requests=1, **PATIENT) as visor:
        with held_writes(visor, 1):
            one = asked(visor, head)
            waiting(visor, 1)
        with one:
            assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            one.sendall(body)
            assert heard(one).startswith(b"HTTP/1.1 201")


def test_a_request_that_cannot_be_served_does_not_wait() -> None:
    """It is refused at once for what is wrong with it, and takes nobody's place."""
    bad = {
        b"400": [READ.replace(b"/rev", b"http://[::1/rev"), READ.replace(b"Host: x", b"X: x")],
        b"501": [put(7).replace(b"Content-Length", b"Transfer-Encoding: gzip, chunked\r\nX")],
    }
    with serving(max_requests=1, **PATIENT) as visor, held_writes(visor, 1):
        for status, requests in bad.items():
            for request in requests:
                with asked(visor, request) as one:
                    assert heard(one).startswith(b"HTTP/1.1 " + status)
                    assert one.recv(100) == b"", "the connection is closed"


def test_a_client_that_goes_while_it_waits_keeps_no_place() -> None:
    with serving(max_requests=1, **PATIENT) as visor:
        with held_writes(visor, 1):
            for number in range(10):
                asked(visor, put(100 + number)).close()
            one = asked(visor, READ)
            waiting(visor, 11)
        with one:
            assert heard(one).startswith(b"HTTP/1.1 200")
        until(lambda: visor.settled, "every place is given back")


def test_more_body_than_is_kept_is_refused_without_a_wait() -> None:
    """Or bodies that nobody reads yet would fill the memory."""
    body = b" " * 10_000
    head = b"POST /services HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (JSON, len(body))
    with serving(max_requests=1, max_header=2048, **PATIENT) as visor:
        with held_writes(visor, 1), asked(visor, head + body) as one:
            assert heard(one).startswith(b"HTTP/1.1 429")
            one.sendall(READ.replace(b"/rev", b"/livez"))
            assert heard(one).startswith(b"HTTP/1.1 200"), "the connection goes on"
        assert visor.get("/rev").status_code == 200


def test_what_is_sent_while_it_waits_is_answered_in_order() -> None:
    """The next request on a connection ends the wait of the one before: with a refusal."""
    with serving(max_requests=1, **PATIENT) as visor:
        with held_writes(visor, 1):
            one = asked(visor, put(7) + READ)
            assert heard(one).startswith(b"HTTP/1.1 429")
            waiting(visor, 1)
        with one:
            assert heard(one).startswith(b"HTTP/1.1 200")


def test_a_server_that_ends_lets_nobody_wait() -> None:
    with serving(max_requests=1, **PATIENT) as visor, held_writes(visor, 1) as release:
        one = asked(visor, READ)
        waiting(visor, 1)
        visor.server.should_exit = True
        with one:
            assert heard(one).startswith(b"HTTP/1.1 429")
            assert one.recv(100) == b"", "the connection is closed"
        release()


def test_an_app_can_be_made_by_who_has_waited() -> None:
    """The long way through the framework works after a wait as the short one does."""
    with serving(max_requests=1, **PATIENT) as visor:
        with held_writes(visor, 1):
            body = b'{"name":"cat","repo_url":"%b","stack":"lenny"}' % APP["repo_url"].encode()
            head = b"POST /apps HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (JSON, len(body))
            one = asked(visor, head + body)
            waiting(visor, 1)
        with one:
            assert heard(one).startswith(b"HTTP/1.1 201")
        assert visor.get("/apps/cat").status_code == 200
