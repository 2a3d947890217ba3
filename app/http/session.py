"""Sessions of browsers: a cookie that stands for a token, and that cannot be made without the token.

`id.expires.mac`, where the mac is made with the hash that is kept of the token. So there is nothing to
store: it is valid on every replica, and ends with its token, or with the token's secret.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

COOKIE = b"__Host-visor"
SECONDS = 12 * 3600

_VALUE = re.compile(r"([a-z2-7]{12}|admin)\.([0-9]{1,12})\.([0-9a-f]{64})\Z")
ADMIN_ID = "admin"
"""Stands for the admin token of the settings, which has no id."""


class Session(NamedTuple):
    """What a cookie says. It is to be believed where `made_with` the hash of its token."""

    id: str
    expires: int
    mac: str

    def made_with(self, sha256: bytes) -> bool:
        """Whether it was made with this hash."""
        return hmac.compare_digest(self.mac, _mac(self.id, self.expires, sha256))


def _mac(id: str, expires: int, sha256: bytes) -> str:
    return hmac.new(sha256, f"{id}.{expires}".encode(), hashlib.sha256).hexdigest()


def cookie(id: str, expires: int, sha256: bytes, seconds: int) -> str:
    """The header that gives a browser the session. Browsers take `__Host-` only with `Secure`; that is met by
    TLS, and by localhost without it."""
    value = f"{id}.{expires}.{_mac(id, expires, sha256)}"
    return _header(value, seconds)


def no_cookie() -> str:
    """The header that has a browser forget it."""
    return _header("", 0)


def _header(value: str, seconds: int) -> str:
    name = COOKIE.decode()
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict"


def session_of(fields: Mapping[bytes, bytes], now: float) -> Session | None:
    """The session that a request's cookie names, where it is not over its time."""
    for part in fields.get(b"cookie", b"").split(b";"):
        name, _, value = part.strip().partition(b"=")
        match = _VALUE.match(value.decode("latin-1")) if name == COOKIE else None
        if match is not None and int(match[2]) > now:
            return Session(match[1], int(match[2]), match[3])
    return None
