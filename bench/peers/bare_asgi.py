"""Bare uvicorn: an ASGI function that answers ready bytes, `/SIZE` with SIZE bytes of them."""

from typing import Any

from bench.peers.uvicorn_alone import serve

_ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}


def _answer(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    size = int(path[1:] or 2)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % size)]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    return start, {"type": "http.response.body", "body": b"x" * size}


async def app(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    found = _ANSWERS.get(path)
    if found is None:
        found = _ANSWERS[path] = _answer(path)
    await send(found[0])
    await send(found[1])


if __name__ == "__main__":
    serve(app)
