"""The response that carries a stream: it sends bytes that are ready as they are."""

import asyncio

from fastapi import Response
from starlette.types import Receive, Scope, Send

from app.events.stream import Stream

EVENT_STREAM = "text/event-stream"


class EventStream(Response):
    """Sends a stream's chunks until it ends or its client leaves. One that reads slowly is waited for
    by itself alone; one that is frozen is let go by the server, which can cut the connection."""

    media_type = EVENT_STREAM

    def __init__(self, stream: Stream, headers: dict[str, str]) -> None:
        # No body, and so no length: not what the base class would begin with.
        self.status_code = 200
        self.background = None
        self.init_headers({**headers, "X-Accel-Buffering": "no"})
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        # The stream is sent by a task of its own, because each wake-up of a task goes through all the calls
        # that it stands in: here those are the framework's, and cost more than the sending.
        sending = asyncio.create_task(self._send_all(send))
        try:
            # Said when the client leaves, and when the answer is complete.
            while (await receive())["type"] != "http.disconnect":
                pass
            self._stream.leave()
            await sending
        finally:
            sending.cancel()

    async def _send_all(self, send: Send) -> None:
        async def write(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        try:
            await self._stream.run(write)
        finally:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
