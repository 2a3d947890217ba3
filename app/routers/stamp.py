"""The headers that every response has."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Stamp:
    """Pure ASGI middleware: adds `Visor-Rev` (from `rev()`) and `Cache-Control: no-store` to a
    response that has none of its own, and `X-Content-Type-Options: nosniff` to each."""

    def __init__(self, app: ASGIApp, rev: Callable[[], int]) -> None:
        self.app = app
        self.rev = rev

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "visor-rev" not in headers:
                    headers["Visor-Rev"] = str(self.rev())
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self.app(scope, receive, stamped)
