"""What a client's certificate allows: for which hosts, and until when."""

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.models.grants import MAX_PATTERNS
from app.models.hosts import canonical_host, is_ip


class Certificate(NamedTuple):
    """Of a client, verified when its connection was made. `hosts` are those that its SAN names, sorted;
    `until` is when it expires, in seconds since 1970."""

    hosts: tuple[str, ...]
    until: float

    @property
    def name(self) -> str:
        """The actor of what is done with it."""
        return self.hosts[0]


def certificate_of(peer: Mapping[str, Any] | None) -> Certificate | None:
    """From what `ssl` says of a verified certificate (`getpeercert`); None where there is none, or it names
    no host. A common name does not count, and neither does a wildcard: that is no host."""
    if not peer:
        return None
    names = {
        host
        for kind, value in peer.get("subjectAltName", ())
        if (host := canonical_host(value)) is not None and kind == ("IP Address" if is_ip(host) else "DNS")
    }
    # A grant takes no more. Some of them would be as good as any others, so it is none.
    if not names or len(names) > MAX_PATTERNS:
        return None
    return Certificate(tuple(sorted(names)), float(ssl.cert_time_to_seconds(peer["notAfter"])))
