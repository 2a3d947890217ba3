"""One Server-Sent-Events stream, read as cheaply as many of them can be read beside each other."""

import asyncio
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlencode

from tests.fault.traffic.connection import parse_head
from tests.fault.traffic.record import BOOKMARK, SNAPSHOT_END

_MARKS = {b"bookmark": BOOKMARK, b"snapshot-end": SNAPSHOT_END}

Frame = tuple[int, int, bytes]
"""Rev, index (or which mark it is), data."""

GONE, SNAPSHOT = -3, -4


class SseStream:
    """A GET of a stream. `frames` gives what comes until it ends; `whole` then says whether it ended as
    HTTP wants it. A small `buffer` (bytes) makes the server feel a reader that does not read."""

    def __init__(self, port: int, path: str, query: dict[str, object], last_id: str | None) -> None:
        self._port = port
        self._path = path + ("?" + urlencode(query, doseq=True) if query else "")
        self._last_id = last_id
        self._writer: asyncio.StreamWriter | None = None
        self.status = 0
        self.headers: dict[str, str] = {}
        self.whole = False

    async def open(self, buffer: int | None = None, seconds: float = 10) -> None:
        """Raises OSError, EOFError or TimeoutError where nobody answers."""
        plain = socket.socket()
        plain.setblocking(False)
        try:
            if buffer is not None:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", self._port))
                limit = 2**16 if buffer is None else buffer
                self._reader, self._writer = await asyncio.open_connection(sock=plain, limit=limit)
                resume = "" if self._last_id is None else f"Last-Event-ID: {self._last_id}\r\n"
                head = f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                self._writer.write(f"{head}{resume}\r\n".encode())
                self.status, self.headers = parse_head(await self._reader.readuntil(b"\r\n\r\n"))
        except BaseException:
            plain.close()
            self.close()
            raise

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()

    async def frames(self) -> AsyncIterator[list[Frame]]:
        """The frames of each part that came, in order. Comments are left out."""
        text = b""
        async for part in self._chunks():
            *raw, text = (text + part).split(b"\n\n")
            found = [frame for one in raw if (frame := _parse(one)) is not None]
            if found:
                yield found

    async def _chunks(self) -> AsyncIterator[bytes]:
        raw = b""
        while True:
            size, found, rest = raw.partition(b"\r\n")
            if found and len(rest) >= int(size, 16) + 2:
                length = int(size, 16)
                if length == 0:
                    self.whole = True
                    return
                yield rest[:length]
                raw = rest[length + 2 :]
                continue
            try:
                part = await self._reader.read(2**16)
            except OSError:
                return
            if not part:
                return
            raw += part


def _parse(raw: bytes) -> Frame | None:
    """`id: 42-0\\nevent: app-update\\ndata: {..}`"""
    if raw.startswith(b":"):
        return None
    id_, event, data = b"", b"", b""
    for line in raw.split(b"\n"):
        name, _, value = line.partition(b": ")
        if name == b"id":
            id_ = value
        elif name == b"event":
            event = value
        elif name == b"data":
            data = value
    if event == b"gone":
        return 0, GONE, data
    if event == b"snapshot":
        return 0, SNAPSHOT, data
    rev, dash, index = id_.partition(b"-")
    if event == b"bookmark" and dash:
        return None  # inside a rev: where the stream was asked to go on, which its reader knows
    return int(rev), _MARKS[event] if event in _MARKS else int(index), data
