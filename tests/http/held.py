"""Writes that are held while a test looks on, and the bytes of answers to what is sent meanwhile."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.etcd.cluster import until
from tests.serving import Service

JSON = b"Content-Type: application/json\r\n"

READ = b"GET /rev HTTP/1.1\r\nHost: x\r\n\r\n"


def put(number: int, version: str = "1", headers: bytes = b"") -> bytes:
    """A write of a member of its own; `headers` are further lines of its head."""
    body = b'{"version":"%b"}' % version.encode()
    return b"PUT /members/pms/10.0.1.%d HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (
        number,
        JSON + headers,
        len(body),
        body,
    )


def asked(visor: Service, request: bytes) -> socket.socket:
    """A connection that has sent the request."""
    one = socket.create_connection(("127.0.0.1", visor.port), 60)
    one.sendall(request)
    return one


@contextmanager
def held_writes(visor: Service, count: int, headers: bytes = b"") -> Iterator[Callable[[], None]]:
    """So many writes that are being worked on and do not end, as with a disk that hangs, until what is given
    is called, or the test is done."""
    store = visor.context.store
    transact, release = store.transact, threading.Event()
    hang = 0

    async def hanging(*given: Any) -> Any:
        nonlocal hang
        hang += 1
        while not release.is_set():  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(0.005)
        return await transact(*given)

    store.transact = hanging
    with ExitStack() as open_:
        open_.callback(release.set)
        waiting = [open_.enter_context(asked(visor, put(n, headers=headers))) for n in range(count)]
        until(lambda: hang == count, "the writes are held")
        store.transact = transact
        yield release.set
        release.set()
        for one in waiting:
            assert one.recv(64).startswith(b"HTTP/1.1 200")


def heard(one: socket.socket) -> bytes:
    """One whole answer."""
    came = b""
    while True:
        head, ended, body = came.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if ended and length is not None and len(body) >= int(length[1]):
            return came
        part = one.recv(65536)
        assert part, f"closed after {came!r}"
        came += part


def heard_all(one: socket.socket, count: int) -> list[bytes]:
    """So many whole answers, one after the other."""
    came, found = b"", []
    while len(found) < count:
        head, ended, rest = came.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if ended and length is not None and len(rest) >= int(length[1]):
            size = len(head) + 4 + int(length[1])
            found.append(came[:size])
            came = came[size:]
            continue
        part = one.recv(65536)
        assert part, f"closed after {came!r}"
        came += part
    return found
