"""Many who take a snapshot at once, as all do after a restore: what is made for one is made for all, the
others have their turn in between, and nothing is made for those who have left (DESIGN promise 10)."""

import json
import socket
import threading

from tests.etcd.cluster import until
from tests.serving import APP, Service, serving

LARGE = {f"k{number}": "x" * 64 * 1024 for number in range(15)}
END = b"event: snapshot-end"


def take(visor: Service, query: str = "") -> bytes:
    """A snapshot as it comes, up to its end."""
    with socket.create_connection(("127.0.0.1", visor.port)) as client:
        client.settimeout(60)
        client.sendall(f"GET /events?snapshot=true{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        received = bytearray()
        while END not in received[-200_000:]:
            chunk = client.recv(1 << 18)
            assert chunk, "it ended before its end"
            received += chunk
    return bytes(received)


def at_once(count: int, work) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_is_made_for_one_is_made_for_all():
    with serving() as visor:
        visor.runnable()
        visor.scale(1200)
        frames = visor.context.channels.frames
        at_once(10, lambda: take(visor))
        assert frames.made == 1204, "an app, a revision, a proctype, a target, 1,200 instances, once each"
        visor.put("/apps/cat/env/cow", {"value": "moo"})
        at_once(10, lambda: take(visor))
        assert frames.made == 1205, "of the next rev only what has changed since"
        at_once(10, lambda: take(visor, "&instance_rows=id,status"))
        assert frames.made == 2405, "and each row, for all who ask for the same fields"


def test_a_kind_that_nobody_wants_is_not_looked_at():
    with serving() as visor:
        for number in range(5):
            visor.made("/apps", {**APP, "name": f"app-{number}", "env": LARGE})
        visor.made("/services", {"name": "db"})
        assert b'"db"' in take(visor, "&type=service-*")
        assert visor.context.channels.frames.made == 1


def test_what_is_kept_of_frames_is_bounded():
    with serving() as visor:
        frames = visor.context.channels.frames
        frames._most = 10 * 1024 * 1024
        for number in range(8):
            visor.made("/apps", {**APP, "name": f"app-{number}", "env": LARGE})
        for _ in range(2):
            received = take(visor)
            assert received.count(b"event: snapshot\n") == 8
            assert frames.bytes <= 10 * 1024 * 1024
            assert len(frames._kept) <= 3


def test_for_those_who_have_left_nothing_more_is_made():
    """Thirty streams of large apps kept the loop for 55 s, long after their clients had gone."""
    with serving() as visor:
        for number in range(30):
            visor.made("/apps", {**APP, "name": f"app-{number:02}", "env": LARGE})
        with socket.create_connection(("127.0.0.1", visor.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /events?snapshot=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
            until(lambda: visor.context.channels.frames.made > 0, "it has begun")
        until(lambda: visor.context.capacity.subscribers == 0, "it has ended")
        assert visor.context.channels.frames.made < 20


def test_an_object_that_another_hand_wrote_in_lines_is_framed_as_it_has_to_be():
    from app.events import sse

    data = json.dumps({"a": [1, 2], "b": "é"}, indent=1, ensure_ascii=False).encode()
    lines = sse.frame(data, "snapshot").decode().splitlines()
    assert lines[0] == "event: snapshot"
    assert all(line.startswith("data: ") for line in lines[1:] if line)
    assert sse.frame(b'{"a":1}', "x", "1-0") == b'id: 1-0\nevent: x\ndata: {"a":1}\n\n'
    assert sse.frame(b'{"a":1}', "x") == b'event: x\ndata: {"a":1}\n\n'
