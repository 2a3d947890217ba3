"""Answers whose bytes are ready: they are kept with the record and sent as they are."""

from fastapi import Response

JSON = "application/json"
JSON_TYPE = (b"content-type", JSON.encode())


class ReadyAnswer(Response):
    """An answer whose body and headers are bytes already: nothing is encoded, looked up or filled in."""

    def __init__(self, body: bytes, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.body = body
        self.status_code = status
        self.raw_headers = headers
        self.background = None


def json_answer(
    body: bytes, rev: int, status: int = 200, *, etag: int | None = None, location: str | None = None
) -> Response:
    """JSON that is encoded already, with the rev it is of."""
    headers = [(b"visor-rev", b"%d" % rev)]
    if etag is not None:
        headers.append((b"etag", b'"%d"' % etag))
    if location is not None:
        headers.append((b"location", location.encode("latin-1")))
    headers.append((b"content-length", b"%d" % len(body)))
    headers.append(JSON_TYPE)
    return ReadyAnswer(body, status, headers)
