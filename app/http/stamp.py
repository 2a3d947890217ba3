"""The headers that every response has."""

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

RawHeaders = list[tuple[bytes, bytes]]

_NO_STORE = (b"cache-control", b"no-store")
_NOSNIFF = (b"x-content-type-options", b"nosniff")


def stamped(headers: Iterable[tuple[bytes, bytes]], rev: Callable[[], int]) -> RawHeaders:
    """The headers with `Visor-Rev` (from `rev()`) and `Cache-Control: no-store`, where they have none of
    their own, and `X-Content-Type-Options: nosniff`. A new list: answers may share theirs."""
    made: RawHeaders = []
    tells_rev = tells_caching = False
    for pair in headers:
        # Names are lower case here, as ASGI has them.
        name = pair[0]
        if name == b"visor-rev":
            tells_rev = True
        elif name == b"cache-control":
            tells_caching = True
        elif name == b"x-content-type-options":
            continue
        made.append(pair)
    if not tells_rev:
        made.append((b"visor-rev", b"%d" % rev()))
    if not tells_caching:
        made.append(_NO_STORE)
    made.append(_NOSNIFF)
    return made


class Stamp:
    """Pure ASGI middleware: has every response `stamped`."""

    def __init__(self, app: ASGIApp, rev: Callable[[], int]) -> None:
        self.app = app
        self.rev = rev

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def stamping(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = stamped(message.get("headers", ()), self.rev)
            await send(message)

        await self.app(scope, receive, stamping)
