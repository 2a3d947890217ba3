"""The headers that every response has."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NO_STORE = (b"cache-control", b"no-store")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


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
                # Names are lower case here, as ASGI has them. A new list: answers may share theirs.
                headers = [pair for pair in message.get("headers", ()) if pair[0] != _NOSNIFF[0]]
                names = {name for name, _ in headers}
                if b"visor-rev" not in names:
                    headers.append((b"visor-rev", b"%d" % self.rev()))
                if b"cache-control" not in names:
                    headers.append(_NO_STORE)
                headers.append(_NOSNIFF)
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, stamped)
