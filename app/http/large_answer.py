"""An answer of many megabytes, sent as its reader takes it.

It is never put together: what is sent are the bytes that are kept with the records, so that those who read
slowly share them, and hold some hundred kilobytes each of their own.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from fastapi import Response
from starlette.types import Receive, Scope, Send

from app.events.turns import Turns

LARGE = 256 * 1024
"""Bytes from which an answer is sent so."""

_CHUNK = 64 * 1024


class LargeAnswer(Response):
    """Sends its pieces one after the other, with the separator between them. `begun` is called before the
    first: what is left to do costs next to nothing, and takes as long as the reader likes."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        headers: list[tuple[bytes, bytes]],
        turns: Turns,
        begun: Callable[[], None],
        separator: bytes = b"",
    ) -> None:
        # No `body`: not what the base class would begin with.
        self.status_code = 200
        self.raw_headers = headers
        self.background = None
        self._pieces = pieces
        self._turns = turns
        self._begun = begun
        self._separator = separator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self._begun()
        for chunk in _chunks(self._pieces, self._separator):
            if self._turns.over:
                await self._turns.give_way()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _chunks(pieces: Sequence[bytes], separator: bytes) -> Iterator[bytes]:
    """The pieces, small ones joined."""
    # Where each ends, so that a chunk is found and not added up: there are thousands of pieces.
    ends = list(accumulate(map(len, pieces)))
    begin = sent = 0
    while begin < len(pieces):
        end = bisect_left(ends, sent + _CHUNK) + 1
        chunk = separator.join(pieces[begin:end])
        yield chunk + separator if separator and end < len(pieces) else chunk
        begin, sent = end, ends[min(end, len(ends)) - 1]
