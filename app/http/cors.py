"""Pages of other origins: which of them a browser lets read an answer, and what a preflight is told."""

from collections.abc import Mapping, Sequence

from app.http.responses import RawHeaders

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_EXPOSED = b"Visor-Rev, ETag, Location, Idempotency-Replayed, Retry-After"
_SECONDS = b"600"
"""For which a browser may keep the answer to a preflight."""


class Cors:
    """The origins that are allowed; `*` allows any."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)

    def allows(self, origin: bytes) -> bool:
        return self._any or origin in self._origins

    def headers(self, origin: bytes) -> RawHeaders:
        """What an answer says to a page of the origin; nothing where it is not allowed."""
        if not self.allows(origin):
            return []
        named = [(b"access-control-expose-headers", _EXPOSED)]
        if self._any:
            return [(b"access-control-allow-origin", b"*"), *named]
        return [(b"access-control-allow-origin", origin), (b"vary", b"Origin"), *named]

    def preflight(self, fields: Mapping[bytes, bytes]) -> RawHeaders:
        """What a browser is told that asks before it sends a request; nothing where the request is no such
        question or the origin is not allowed."""
        if b"access-control-request-method" not in fields or not self.allows(fields.get(b"origin", b"")):
            return []
        made = [(b"access-control-allow-methods", _METHODS), (b"access-control-max-age", _SECONDS)]
        asked = fields.get(b"access-control-request-headers")
        return [*made, (b"access-control-allow-headers", asked)] if asked else made
