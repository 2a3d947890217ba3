"""An answer that is known whole, in one call to the kernel.

The two messages of an ASGI answer are two calls, two packets, and as many wake-ups of the client:
a fifth of what a read costs.
"""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.http.stamp import RawHeaders


def answer_whole(cycle: RequestResponseCycle, status: int, headers: RawHeaders, body: bytes) -> bool:
    """As `app.http.given.Answer` says, what the cycle's `send` does for an answer of two messages."""
    if cycle.response_started or cycle.flow.write_paused:
        return False
    if cycle.disconnected:
        return True
    pairs = cycle.default_headers + headers
    head = STATUS_LINE[status] + b"\r\n".join(map(b": ".join, pairs))
    # The connection is the cycle's to decide on; and a header that would be two is its to refuse.
    if b"\r\nconnection: " in head or not head.count(b"\n") == head.count(b"\r") == len(pairs):
        return False
    end = b"\r\n\r\n" if cycle.keep_alive else b"\r\nconnection: close\r\n\r\n"
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.writelines([head + end, body])
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
