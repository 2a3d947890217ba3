"""A raw ASGI broadcaster: each event is sent to each subscriber, event by event.

`GET /events` subscribes, `POST /publish` publishes its body, a whole SSE frame; it is answered before
the event goes out.
"""

import asyncio
from typing import Any

from bench.peers.uvicorn_alone import serve

_PENDING = 64
"""Events that wait to be sent; who publishes more waits."""

_STREAM = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}
_DONE = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
_DONE_BODY = {"type": "http.response.body", "body": b"{}"}


class Broadcaster:
    def __init__(self) -> None:
        self._subscribers: dict[int, Any] = {}
        self._events: asyncio.Queue[bytes] = asyncio.Queue(_PENDING)
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._broadcast())
        if scope["method"] == "POST":
            body = b""
            while True:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    break
            await self._events.put(body)
            await send(_DONE)
            await send(_DONE_BODY)
            return
        await send(_STREAM)
        await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
        self._subscribers[id(send)] = send
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscribers.pop(id(send), None)

    async def _broadcast(self) -> None:
        while True:
            message = {"type": "http.response.body", "body": await self._events.get(), "more_body": True}
            for send in list(self._subscribers.values()):
                await send(message)


if __name__ == "__main__":
    serve(Broadcaster())
