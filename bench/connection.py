"""One HTTP/1.1 connection of a load generator: ready-made requests out, whole answers in.

As little as counts and checks answers: in Python, a library's client would be slower than any of the
servers that are measured. Sockets do not block; the caller waits for many of them at once.
"""

import socket

BUFFER = 256 * 1024


class Wrong(Exception):
    """An answer that is not the expected one. The message has its beginning."""


def request(method: str, path: str, body: bytes | None = None, *headers: str) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Connection:
    """A connection that has one request under way at a time."""

    # One for all: an answer is looked at before the next is read.
    _buffer = bytearray(BUFFER)

    def __init__(self, port: int, expect: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = 0
        self._expect = b"HTTP/1.1 " + expect
        self._head = b""
        self._missing = 0
        self._chunked = False

    def send(self, data: bytes) -> None:
        """Requests are small: what does not fit into an empty send buffer is no load for a benchmark."""
        if self.socket.send(data) != len(data):
            raise Wrong("a request did not fit into the send buffer")

    def receive(self) -> bool:
        """Read what there is; whether the answer is whole now. Raises Wrong."""
        buffer = self._buffer
        size = self.socket.recv_into(buffer)
        if not size:
            raise Wrong("the server has closed the connection")
        self.received += size
        if self._missing:
            self._missing -= size
            return self._missing == 0
        if self._chunked:
            self._chunked = not self._ends(size)
            return not self._chunked
        return self._begins(size)

    def _begins(self, size: int) -> bool:
        buffer = self._buffer
        if self._head:
            buffer = bytearray(self._head) + buffer[:size]
            size = len(buffer)
        end = buffer.find(b"\r\n\r\n", 0, size)
        if end < 0:
            self._head = bytes(buffer[:size])
            return False
        self._head = b""
        if not buffer.startswith(self._expect):
            raise Wrong(bytes(buffer[: min(size, 500)]).decode(errors="replace"))
        # Servers write the name in one case or the other.
        at = buffer.find(b"ontent-", 0, end)
        while at >= 0 and buffer[at + 7 : at + 15].lower() != b"length: ":
            at = buffer.find(b"ontent-", at + 1, end)
        if at >= 0:
            self._missing = int(buffer[at + 15 : buffer.find(b"\r", at, size)]) + end + 4 - size
            return self._missing == 0
        self._chunked = not buffer.endswith(b"0\r\n\r\n", 0, size)
        return not self._chunked

    def _ends(self, size: int) -> bool:
        # A piece may begin inside the end mark; the one before it is then 5 bytes short of whole, which
        # no server that is measured does: each writes its last chunk and the mark at once.
        return self._buffer.endswith(b"0\r\n\r\n", 0, size)

    def close(self) -> None:
        self.socket.close()
