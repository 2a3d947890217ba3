"""A strict reader of Server-Sent Events over a raw socket.

Stricter than the standard asks of a browser: every frame is whole, ends in one empty line, and has
each field at most once, so that nothing sloppy on the wire goes unseen.
"""

import json
import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

_FIELD = re.compile(r"(id|event|data|retry): (.*)\Z")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came. What it does not have is None."""

    raw: bytes
    id: str | None = None
    event: str | None = None
    data: str | None = None
    retry: int | None = None
    comment: str | None = None

    @property
    def said(self) -> Any:
        """The data, which is JSON."""
        assert self.data is not None, f"a frame without data: {self.raw!r}"
        return json.loads(self.data)

    @property
    def rev(self) -> int:
        """The rev that the id names."""
        assert self.id is not None, f"a frame without an id: {self.raw!r}"
        return int(self.id.partition("-")[0])

    @property
    def is_event(self) -> bool:
        """Whether it is one of the history's events, rather than a mark."""
        return self.id is not None and self.event not in ("bookmark", "snapshot-end")


def parse(raw: bytes) -> Frame:
    """The frame that the bytes between two empty lines are. Fails on anything out of form."""
    found: dict[str, Any] = {}
    for line in raw.decode("utf-8").split("\n"):
        assert "\r" not in line, f"a carriage return in {raw!r}"
        name, value = ("comment", line[2:]) if line.startswith(": ") else _field(line, raw)
        assert name not in found, f"{name} twice in {raw!r}"
        found[name] = int(value) if name == "retry" else value
    return Frame(raw, **found)


def _field(line: str, raw: bytes) -> tuple[str, str]:
    match = _FIELD.match(line)
    assert match is not None, f"no field: {line!r} in {raw!r}"
    return match[1], match[2]


class SseStream:
    """One GET, read frame by frame. `status` and `headers` (names in lower case) are its head.

    `whole` says, once the stream has ended, whether it ended as HTTP wants it (the last chunk was
    seen); None while it goes on.
    """

    def __init__(
        self,
        port: int,
        path: str,
        *,
        last_event_id: str | None = None,
        headers: dict[str, str] | None = None,
        receive_buffer: int | None = None,
        timeout: float = 60,
        tls: ssl.SSLContext | None = None,
        **query: Any,
    ) -> None:
        if query:
            path += "?" + urlencode({k: _text(v) for k, v in query.items()}, doseq=True)
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        lines = {"Host": "localhost", "Accept": "text/event-stream", **(headers or {})}
        if last_event_id is not None:
            lines["Last-Event-ID"] = last_event_id
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._patience = timeout
        self._deadline = time.monotonic() + timeout
        self._raw = b""
        self._text = b""
        self.whole: bool | None = None
        try:
            self.socket.connect(("127.0.0.1", port))
            if tls is not None:
                self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
            self.socket.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            self.status, self.headers = self._read_head()
        except BaseException:
            self.socket.close()
            raise
        self._chunked = self.headers.get("transfer-encoding") == "chunked"

    def __enter__(self) -> "SseStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> bool:
        assert time.monotonic() < self._deadline, "what is waited for does not come"
        try:
            part = self.socket.recv(65536)
        except ConnectionResetError:
            part = b""
        self._raw += part
        return bool(part)

    def _read_head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._raw:
            if not self._more():
                raise ConnectionResetError(f"closed after {self._raw!r}")
        head, _, self._raw = self._raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        return int(first.split()[1]), {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
        }

    @property
    def problem(self) -> Any:
        """The body of an answer that is no stream."""
        assert self.headers["content-type"] == "application/problem+json"
        length = int(self.headers["content-length"])
        while len(self._raw) < length:
            assert self._more(), "the body is cut"
        return json.loads(self._raw[:length])

    def next(self) -> Frame | None:
        """The next frame; None at the end. TimeoutError where nothing comes."""
        self._deadline = time.monotonic() + self._patience
        return self._next()

    def _next(self) -> Frame | None:
        assert self.status == 200, f"no stream: {self.status} {self._raw!r}"
        assert self.headers["content-type"].startswith("text/event-stream"), self.headers
        while True:
            raw, found, rest = self._text.partition(b"\n\n")
            if found:
                self._text = rest
                return parse(raw)
            if self.whole is not None:
                assert not self.whole or not self._text, f"the stream ends inside a frame: {self._text!r}"
                return None
            self._next_chunk()

    def _next_chunk(self) -> None:
        assert self._chunked, self.headers
        while True:
            size, found, rest = self._raw.partition(b"\r\n")
            if found and len(rest) >= int(size, 16) + 2:
                break
            if not self._more():
                self.whole = False
                return
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n", "a chunk does not end where it says"
        self._text += rest[:length]
        self._raw = rest[length + 2 :]
        if length == 0:
            self.whole = True

    # What tests ask again and again.

    def event(self) -> Frame | None:
        """The next event of the history, past comments and marks; None at the end."""
        self._deadline = time.monotonic() + self._patience
        while (frame := self._next()) is not None:
            if frame.is_event:
                return frame
        return None

    def events(self, count: int) -> list[Frame]:
        """The next so many events."""
        found = []
        for _ in range(count):
            frame = self.event()
            assert frame is not None, f"the stream ended after {len(found)} of {count} events"
            found.append(frame)
        return found

    def up_to(self, rev: int) -> list[Frame]:
        """All frames up to the bookmark that says that everything up to `rev` was sent, with it."""
        self._deadline = time.monotonic() + self._patience
        found = []
        while True:
            frame = self._next()
            assert frame is not None, f"the stream ended before rev {rev}"
            found.append(frame)
            if frame.event == "bookmark" and frame.said["rev"] >= rev:
                return found

    def rest(self) -> list[Frame]:
        """All that still comes until the stream ends."""
        self._deadline = time.monotonic() + self._patience
        return list(iter(self._next, None))


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
