"""An answer of many megabytes, sent as fast as its reader reads. It is never joined in memory: it sends
the bytes kept with the records, which all readers share. So a slow reader holds only some hundred
kilobytes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from fastapi import Response
from starlette.types import Receive, Scope, Send

from app.events.turns import Turns
from app.http.ready_answer import JSON_TYPE

LARGE = 256 * 1024
"""Bytes from which an answer is sent so."""

_CHUNK = 64 * 1024
"""Bytes that are joined at once. What is larger than 128 KiB the C library takes from the kernel and gives
back each time, which costs more than the copying."""

AT_ONCE, AT_ONCE_OF_ALL = 1024 * 1024, 16 * 1024 * 1024
"""Bytes of an answer that is joined and written at once after all, as each chunk is a call to the kernel;
and of all such answers that their readers have not taken yet. Beyond that they share."""


class Untaken:
    """Answers of one service that were joined, and that their readers have not taken yet: their `bytes`."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class LargeAnswer(Response):
    """Sends its pieces one after the other, with the separator between them; `size` are the bytes of all,
    `untaken` is the service's. `begun` is called before the first: what is left to do costs next to
    nothing, and takes as long as the reader likes."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        size: int,
        headers: list[tuple[bytes, bytes]],
        turns: Turns,
        begun: Callable[[], None],
        untaken: Untaken,
        separator: bytes = b"",
    ) -> None:
        # No `body`: not what the base class would begin with.
        self.status_code = 200
        self.raw_headers = [*headers, (b"content-length", b"%d" % size), JSON_TYPE]
        self.background = None
        self._pieces = pieces
        self._size = size
        self._turns = turns
        self._begun = begun
        self._untaken = untaken
        self._separator = separator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self._begun()
        if self._size <= min(AT_ONCE, AT_ONCE_OF_ALL - self._untaken.bytes):
            await self._send_at_once(send)
            return
        for chunk in _chunks(self._pieces, self._separator):
            if self._turns.over:
                await self._turns.give_way()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_at_once(self, send: Send) -> None:
        self._untaken.bytes += self._size
        try:
            body = self._separator.join(self._pieces)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            # Returns when the reader has taken what was sent before.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._untaken.bytes -= self._size


def _chunks(pieces: Sequence[bytes], separator: bytes) -> Iterator[bytes]:
    """The pieces, small ones joined."""
    # Where each ends, so that a chunk is found and not added up: there are thousands of pieces.
    ends = list(accumulate(map(len, pieces)))
    begin = sent = 0
    while begin < len(pieces):
        end = bisect_left(ends, sent + _CHUNK) + 1
        some = list(pieces[begin:end])
        if end < len(pieces):
            some.append(b"")  # what comes next is parted from it too
        yield separator.join(some)
        begin, sent = end, ends[min(end, len(ends)) - 1]
