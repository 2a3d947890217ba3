"""The host names of the service. Others are refused, so that no page can reach it by DNS rebinding."""

import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence

from app.errors import UnknownHost
from app.models.hosts import is_ip

_FORM = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?\Z")

_PROXIED = frozenset(
    {
        b"via",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-server",
    }
)
"""Headers by which a proxy says that it passes on what another machine has sent."""

MAX_KNOWN, MAX_REMEMBERED = 1000, 300
"""Spellings of Host headers that are remembered, and the bytes of each at most."""


def host_and_port(authority: str) -> tuple[str, str] | None:
    """The two parts of a Host header or of an origin, in one spelling; None where it has no such form."""
    match = _FORM.match(authority.lower())
    if match is None:
        return None
    host = match[1].strip("[]").rstrip(".")
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        if not host or match[1].startswith("["):
            return None
    return host, match[2] or ""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return host == "localhost" or (is_ip(host) and ipaddress.ip_address(host).is_loopback)


def proxied(fields: Mapping[bytes, bytes]) -> bool:
    """Whether a proxy says that it has passed the request on."""
    return not _PROXIED.isdisjoint(fields)


class Hosts:
    """Knows which hosts a request may name.

    Always: `localhost`, loopback addresses, and what is `allowed` (with a port, that port only; `*`: any).
    Where the service listens for other machines too: every IP address, because no page has an address for a
    name, and this machine's own name. Where it listens on loopback and nothing is allowed: no request that a
    proxy has passed on, because a proxy makes this machine's own service everybody's.
    """

    def __init__(self, listens_on: str, allowed: Sequence[str]) -> None:
        self._any = "*" in allowed
        self._allowed = {host for authority in allowed if (host := host_and_port(authority)) is not None}
        self._on_loopback = is_loopback(listens_on)
        self._no_proxies = self._on_loopback and not allowed
        if not self._on_loopback:
            own = (listens_on, socket.gethostname())
            self._allowed |= {host for authority in own if (host := host_and_port(authority)) is not None}
        self._known: set[bytes] = set()

    def check(self, fields: Mapping[bytes, bytes]) -> None:
        """Raises UnknownHost. A request that names no host, as no browser's does, passes."""
        host = fields.get(b"host")
        if host and host not in self._known:
            if not self.has(host.decode("latin-1")):
                raise UnknownHost(
                    f"This service does not go by the host {_shown(host)}. Ask it by a name that it has, or "
                    "have VISOR_ALLOWED_HOSTS (--allowed-hosts) name this one."
                )
            if len(self._known) < MAX_KNOWN and len(host) <= MAX_REMEMBERED:
                self._known.add(host)
        if self._no_proxies and proxied(fields):
            raise UnknownHost(
                "A proxy has passed this request on, and this service listens on loopback: for its machine "
                "only. To serve others through a proxy, have VISOR_ALLOWED_HOSTS (--allowed-hosts) name the "
                "host that they ask."
            )

    def has(self, authority: str) -> bool:
        """Whether the service goes by this host."""
        if self._any:
            return True
        named = host_and_port(authority)
        if named is None:
            return False
        host = named[0]
        if is_loopback(host) or (is_ip(host) and not self._on_loopback):
            return True
        return named in self._allowed or (host, "") in self._allowed


def _shown(host: bytes) -> str:
    """It is the client's text: only what can be a name is said back."""
    text = host.decode("latin-1")
    return text if len(text) <= 255 and _FORM.match(text.lower()) else "that it names"
