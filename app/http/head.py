"""HEAD wherever GET is."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Pure ASGI middleware: the application answers a HEAD as the GET it stands for, and only the
    head of the answer goes out.

    `scope["visor.head"]` is True then, for those who can answer more cheaply. As soon as the head
    is out the answer is complete and the application is told that the client has gone, so that the
    head of an endless stream ends too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        # What the application leaves in the state has to be seen by middleware outside too.
        scope.setdefault("state", {})
        # A copy: the server looks at the method in its own scope to leave the body out.
        inner = {**scope, "method": "GET", "visor.head": True}
        over = False

        async def head_only(message: Message) -> None:
            nonlocal over
            if over:
                # Let others run: a stream that never has to wait would never learn of its end.
                await asyncio.sleep(0)
                return
            await send(message)
            if message["type"] == "http.response.start":
                over = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def until_over() -> Message:
            if over:
                return {"type": "http.disconnect"}
            # Completing the answer wakes a receive that waits already.
            return await receive()

        try:
            await self.app(inner, until_over, head_only)
        finally:
            for key in ("route", "endpoint", "path_params"):
                if key in inner:
                    scope[key] = inner[key]
