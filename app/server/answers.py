"""The bytes of answers: status lines, and whole answers in which the application has no part."""

from collections.abc import Callable
from http import HTTPStatus

from app.errors import RequestError
from app.http.responses import RawHeaders, problem_response, with_standard_headers

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
    rev: Callable[[], int],
    *,
    head_only: bool,
    close: bool,
    root_path: str = "",
) -> bytes:
    """An error as a whole answer, in the form that the application gives it."""
    response = problem_response(error, root_path)
    headers = default_headers + with_standard_headers(response.raw_headers, rev)
    if close:
        headers.append((b"connection", b"close"))
    body = b"" if head_only else bytes(response.body)
    return head_of(error.status, headers) + b"\r\n\r\n" + body
