"""What goes over the wire, as Server-Sent Events: how a frame is written is sse-starlette's to know."""

from sse_starlette import ServerSentEvent


def frame(data: bytes, event: str, id: str | None = None) -> bytes:
    """One message. `data` is JSON in UTF-8."""
    return ServerSentEvent(data.decode(), event=event, id=id, sep="\n").encode()


def mark(event: str, rev: int) -> bytes:
    """`snapshot-end` or `bookmark`: everything up to the rev was sent."""
    return frame(b'{"type":"%b","rev":%d}' % (event.encode(), rev), event, str(rev))


def gone(oldest_rev: int) -> bytes:
    """The last word to one whose place in the history is gone."""
    return frame(b'{"type":"gone","oldest_rev":%d}' % oldest_rev, "gone")


def retry(milliseconds: int) -> bytes:
    """How long a client waits before it comes again."""
    return ServerSentEvent(retry=milliseconds, sep="\n").encode()


KEEP_ALIVE = ServerSentEvent(comment="keep-alive", sep="\n").encode()
