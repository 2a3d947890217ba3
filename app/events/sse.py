"""The frames of Server-Sent Events, written by sse-starlette."""

from collections.abc import Sequence
from functools import cache

from pydantic_core import to_json
from sse_starlette import ServerSentEvent

from app.events.position import Position


def frame(data: bytes, event: str, id: str | None = None) -> bytes:
    """One message. `data` is JSON in UTF-8."""
    if b"\n" in data or b"\r" in data:  # written by another hand: JSON of ours is one line
        return ServerSentEvent(data.decode(), event=event, id=id, sep="\n").encode()
    # Data of one line is put in as it is: to look for lines in a megabyte takes 10 ms.
    begin = _unnumbered(event) if id is None else _begin(event, id)
    return b"%b%b\n\n" % (begin, data)


def _begin(event: str, id: str | None) -> bytes:
    """A frame up to its data."""
    return ServerSentEvent("", event=event, id=id, sep="\n").encode().removesuffix(b"\n\n")


@cache
def _unnumbered(event: str) -> bytes:
    """The same for each of the thousands of a snapshot. There are as many as there are names of events."""
    return _begin(event, None)


def rows(kind: str, fields: Sequence[str], made: Sequence[bytes]) -> bytes:
    """Objects of a snapshot as rows of these fields, many in one message; each of `made` is a JSON array."""
    head = to_json({"type": "snapshot-rows", "kind": kind, "fields": fields})
    return frame(b'%b,"rows":[%b]}' % (head[:-1], b",".join(made)), "snapshot-rows")


def mark(event: str, at: Position) -> bytes:
    """`snapshot-end` or `bookmark`: everything up to this position was sent, and so all of `rev`."""
    return frame(b'{"type":"%b","rev":%d}' % (event.encode(), at.after), event, str(at))


def gone(oldest_rev: int) -> bytes:
    """The last word to one whose place in the history is gone."""
    return frame(b'{"type":"gone","oldest_rev":%d}' % oldest_rev, "gone")


def retry(milliseconds: int) -> bytes:
    """How long a client waits before it comes again: the first line of another frame. In a frame of its own
    some clients take it for a message without data."""
    return ServerSentEvent(retry=milliseconds, sep="\n").encode().removesuffix(b"\n")


KEEP_ALIVE = ServerSentEvent(comment="keep-alive", sep="\n").encode()
