"""Pages of other origins: which may send requests, which may read answers, and the answer to a preflight."""

from collections.abc import Mapping, Sequence

from app.errors import ForeignOrigin
from app.http.hosts import host_and_port
from app.http.responses import RawHeaders

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_EXPOSED = b"Visor-Rev, ETag, Location, Idempotency-Replayed, Retry-After"
_SECONDS = b"600"
"""For which a browser may keep the answer to a preflight."""

_PORTS = {"http": "80", "https": "443"}


class Cors:
    """The origins that are allowed; `*` allows any. Pages of the service itself need no leave. Where the
    service speaks `tls` itself, they come over TLS: one of plain HTTP may be anybody's on the way."""

    def __init__(self, origins: Sequence[str], *, tls: bool = False) -> None:
        self._tls = tls
        self._any = "*" in origins
        self._origins = frozenset(origin.encode("latin-1") for origin in origins)

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin may ask and read."""
        return self._any or origin in self._origins

    def check(self, method: str, fields: Mapping[bytes, bytes]) -> None:
        """Raises ForeignOrigin where a browser says that a page of another site has it ask.

        A page needs no leave to send such a request, only to read its answer; a POST without a body would
        do its work all the same. A link that somebody follows is no request of the page that has it.
        """
        origin = fields.get(b"origin")
        if origin is None:
            if fields.get(b"sec-fetch-site") != b"cross-site" or self._any:
                return
            if method in ("GET", "HEAD") and fields.get(b"sec-fetch-dest") == b"document":
                return
        elif self.allows(origin) or self._is_own(origin.decode("latin-1"), fields.get(b"host", b"")):
            return
        raise ForeignOrigin(
            "A page of another site may not ask this service. To let it, name its origin in "
            "VISOR_CORS_ORIGINS (--cors-origins)."
        )

    def check_session(self, fields: Mapping[bytes, bytes]) -> None:
        """Raises ForeignOrigin where a write by a browser's cookie does not say that it is of a page of this
        service: a browser sends a cookie whoever has it ask."""
        origin = fields.get(b"origin", b"").decode("latin-1")
        if fields.get(b"visor-csrf") != b"1" or not self._is_own(origin, fields.get(b"host", b"")):
            raise ForeignOrigin(
                "A write by a session's cookie needs an Origin that is this service's own, and the header "
                "`Visor-Csrf: 1`. Programs send a token, as `Authorization: Bearer <token>`."
            )

    def _is_own(self, origin: str, host: bytes) -> bool:
        """Whether the origin is that of the host which the request is for."""
        scheme, _, authority = origin.partition("://")
        page, own = host_and_port(authority), host_and_port(host.decode("latin-1"))
        if page is None or own is None or scheme not in _PORTS or (self._tls and scheme != "https"):
            return False
        default = _PORTS[scheme]
        # What ends TLS before the service leaves no port in the Host either.
        return page[0] == own[0] and (page[1] or default) == (own[1] or default)

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
        headers = fields.get(b"access-control-request-headers")
        return [*made, (b"access-control-allow-headers", headers)] if headers else made
