"""The bytes of answers: status lines, and whole answers in which the application has no part."""

import json
from collections.abc import Callable
from http import HTTPStatus

from app.errors import RequestError
from app.http.responses import RawHeaders

STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}


def head_of(status: int, headers: RawHeaders) -> bytes:
    """The status line and the headers, without the end of the last. Raises ValueError for a header with a
    line break in it: what follows would be read as another."""
    head = STATUS_LINES[status] + b"\r\n".join(map(b": ".join, headers))
    if not head.count(b"\n") == head.count(b"\r") == len(headers):
        raise ValueError("a header of the answer has a line break in it")
    return head


def refusal(
    error: RequestError,
    default_headers: RawHeaders,
    rev: Callable[[], int] | None,
    *,
    head_only: bool,
    close: bool,
    root_path: str = "",
) -> bytes:
    """An error as a whole answer."""
    body = json.dumps(error.problem(root_path), separators=(",", ":")).encode()
    headers = [
        *default_headers,
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    if close:
        headers.append((b"connection", b"close"))
    if rev is not None:
        headers.append((b"visor-rev", b"%d" % rev()))
    return head_of(error.status, headers) + b"\r\n\r\n" + (b"" if head_only else body)
