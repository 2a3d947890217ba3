"""A broadcaster as one would write it first: FastAPI and sse-starlette, a queue for each subscriber.

`GET /events` subscribes, `POST /publish` publishes the data of an event.
"""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from sse_starlette import EventSourceResponse

from bench.peers.uvicorn_alone import serve

_PENDING = 1000
"""Events that wait for one subscriber; who publishes more waits."""

app = FastAPI()
queues: set[asyncio.Queue[dict[str, str]]] = set()
published = 0


@app.get("/events")
async def events() -> EventSourceResponse:
    queue: asyncio.Queue[dict[str, str]] = asyncio.Queue(_PENDING)

    async def mine() -> AsyncIterator[dict[str, str]]:
        queues.add(queue)
        try:
            yield {"comment": "hello"}
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)

    return EventSourceResponse(mine(), sep="\n")


@app.post("/publish")
async def publish(request: Request) -> dict[str, int]:
    global published
    published += 1
    data = (await request.body()).decode()
    for queue in list(queues):
        await queue.put({"id": f"{published}-0", "event": "member-update", "data": data})
    return {"rev": published}


if __name__ == "__main__":
    serve(app)
