"""Bytes sent to a port as they are, and a reader that takes nothing for an answer but valid HTTP/1.1."""

import itertools
import json
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.sse.sse_reader import Frame, parse

_STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [ -~]*")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff\t]*)")

FRAMES = 3
"""Of a stream, as many are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def frames(self) -> list[Frame]:
        """Of a stream, those that were read whole. Fails on anything out of form."""
        return [parse(raw) for raw in self.body.split(b"\n\n")[:-1]]

    @property
    def problem(self) -> Any:
        """Of an error."""
        assert self.headers["content-type"] == "application/problem+json", self
        return json.loads(self.body)


class Closed(Exception):
    """The connection was closed."""


class Exchange:
    """One connection: what is sent, cut into segments at these places, and what comes back until it is
    closed. Our side is closed when all is sent (`half_closes`), or with the first answer."""

    def __init__(
        self,
        port: int,
        sent: bytes,
        cuts: Iterable[int] = (),
        half_closes: bool = False,
        patience: float = 60,
    ) -> None:
        self.sent = sent
        self._cuts = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
        self._half_closes = half_closes
        self._text = b""
        self._socket = socket.create_connection(("127.0.0.1", port), patience)
        try:
            self.answers = self._all()
        finally:
            self._socket.close()

    def _all(self) -> list[Answer]:
        found: list[Answer] = []
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start, end in itertools.pairwise(self._cuts):
                self._socket.sendall(self.sent[start:end])
            if self._half_closes:
                self._socket.shutdown(socket.SHUT_WR)
            while True:
                found.append(self._answer())
                if found[-1].is_stream:
                    return found
                # Nothing more is asked: what has been asked in the same breath may still be answered.
                if not self._half_closes:
                    self._socket.shutdown(socket.SHUT_WR)
        except Closed:
            # In the middle of an answer only if it was us who hung up first.
            assert found or not self._text, f"half an answer: {self._text!r} to {self.sent!r}"
        except TimeoutError as error:
            raise AssertionError(f"neither answered nor closed: {self.sent!r}") from error
        except OSError:
            pass  # closed too, and with bytes of ours unread
        return found

    def _more(self) -> None:
        part = self._socket.recv(65536)
        if not part:
            raise Closed
        self._text += part

    def _line(self) -> bytes:
        while b"\r\n" not in self._text:
            self._more()
        line, _, self._text = self._text.partition(b"\r\n")
        return line

    def _take(self, length: int) -> bytes:
        while len(self._text) < length:
            self._more()
        taken, self._text = self._text[:length], self._text[length:]
        return taken

    def _answer(self) -> Answer:
        # Read all of the head before any of it is gone, so that half a head can be told from none.
        while b"\r\n\r\n" not in self._text:
            self._more()
        first = self._line()
        status = _STATUS.fullmatch(first)
        assert status is not None, f"no status line: {first!r}"
        headers: dict[str, str] = {}
        while line := self._line():
            header = _HEADER.fullmatch(line)
            assert header is not None, f"no header: {line!r}"
            headers[header[1].decode().lower()] = header[2].decode("latin-1")
        answer = Answer(int(status[1]), headers, b"")
        return Answer(answer.status, headers, self._body(answer))

    def _body(self, answer: Answer) -> bytes:
        if self.sent.lstrip().startswith(b"HEAD") or answer.status in (100, 204, 304):
            return b""
        if "content-length" in answer.headers:
            return self._take(int(answer.headers["content-length"]))
        if answer.headers.get("transfer-encoding") != "chunked":
            assert b"HTTP/1.0" in self.sent, f"a body without an end: {answer}"
            assert answer.headers["connection"] == "close", answer
            try:
                while self._text.count(b"\n\n") < FRAMES:
                    self._more()
            except Closed:
                pass  # which is its end
            return self._text
        assert b"HTTP/1.0" not in self.sent or b"HTTP/1.1" in self.sent, f"chunks to HTTP/1.0: {answer}"
        body = b""
        while not (answer.is_stream and body.count(b"\n\n") >= FRAMES):
            size = int(self._line(), 16)
            body += self._take(size)
            assert self._line() == b"", "a chunk does not end where it says"
            if size == 0:
                break
        return body
