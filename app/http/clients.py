"""Limits each client's use of the service's capacity, so that one client cannot use up everything.

A client is a token, or a certificate. One that shows none counts by the address that it comes from, unless
that is the service's own machine: what comes from there without a token is its operator's, or a proxy's, of
which the address says nothing.
"""

import ipaddress
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from prometheus_client import Counter

from app.errors import TooManyRequests, TooManySubscribers
from app.http.principal import Principal

logger = logging.getLogger("visor.clients")

SWEPT_AT, SWEPT_EVERY = 1000, 1.0
"""From so many clients on, those that use nothing are forgotten every so many seconds."""

QUIET_SECONDS = 10.0
"""Between two lines of the log about refusals."""

MAX_KEPT = 2048
"""Bytes of a head that is remembered: there may be one for each connection."""

CLIENT = "client"
"""The `scope` of a refusal that is about one client's use, not about everybody's."""


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What one client may have at a time, and how many writes in a second; 0: as much as there is."""

    connections: int = 0
    requests: int = 0
    subscribers: int = 0
    writes: int = 0


class ClientRefusals:
    """Refusals of clients that are at a limit of their own: counted, and now and then logged."""

    def __init__(self) -> None:
        self._logged_at = -inf
        self.count = Counter(
            "visor_client_refusals",
            "Requests and connections refused because their client has as many as it may.",
            ["limit"],
            registry=None,
        )

    def note(self, client: str, limit: str) -> None:
        """One more. Who sends too much is told the operator once in a while: each line is a load, too."""
        self.count.labels(limit).inc()
        now = time.monotonic()
        if now - self._logged_at >= QUIET_SECONDS:
            self._logged_at = now
            logger.warning(
                "client %s is at its limit of %s: more are refused with 429 (setting client_%s;"
                " visor_client_refusals_total counts them)",
                client,
                limit,
                limit,
            )


class Client:
    """What one client uses. `name` is a token's id, or an address; `most_requests` is how many it may have
    at a time."""

    __slots__ = (
        "_limits",
        "_refusals",
        "_saved",
        "_saved_at",
        "connections",
        "most_requests",
        "name",
        "requests",
        "subscribers",
    )

    def __init__(self, name: str, limits: ClientLimits, refusals: ClientRefusals) -> None:
        self.name = name
        self.connections = 0
        self.requests = 0
        self.subscribers = 0
        self.most_requests = limits.requests or inf
        self._limits = limits
        self._refusals = refusals
        self._saved = float(limits.writes)
        self._saved_at = time.monotonic()

    def connect(self) -> None:
        """One more connection. Raises TooManyRequests."""
        most = self._limits.connections
        if most and self.connections >= most:
            raise self._too_many("connections", f"has {most} connections, as many as it is allowed to.")
        self.connections += 1

    def begin(self, *, writes: bool) -> None:
        """One more request. Raises TooManyRequests."""
        most = self.most_requests
        if self.requests >= most:
            raise self._too_many("requests", f"has {most} requests unanswered, as many as it is allowed to.")
        if writes and self._limits.writes:
            self._count_write(self._limits.writes)
        self.requests += 1

    def _count_write(self, rate: int) -> None:
        """What is not written in one second may be in the next."""
        now = time.monotonic()
        self._saved = min(rate, self._saved + (now - self._saved_at) * rate)
        self._saved_at = now
        if self._saved < 1:
            raise self._too_many(
                "writes", f"has made {rate} writes in a second, as many as it is allowed to."
            )
        self._saved -= 1

    def subscribe(self) -> None:
        """One more subscriber. Raises TooManySubscribers."""
        most = self._limits.subscribers
        if most and self.subscribers >= most:
            self._refusals.note(self.name, "subscribers")
            raise TooManySubscribers(
                f"This client has {most} streams and waiting calls, as many as it is allowed to. End one, and"
                " try again.",
                headers={"Retry-After": "1"},
                scope=CLIENT,
            )
        self.subscribers += 1

    def _too_many(self, limit: str, what: str) -> TooManyRequests:
        self._refusals.note(self.name, limit)
        return TooManyRequests(f"This client {what} Try again.", headers={"Retry-After": "1"}, scope=CLIENT)

    def is_idle(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        if self.connections or self.requests or self.subscribers:
            return False
        rate = self._limits.writes
        return self._saved + (now - self._saved_at) * rate >= rate


class Peer:
    """The other side of a connection. It counts for the client that asked by it last: a proxy sends the
    requests of many by one. `address` is None where that says nothing of who it is. `principal` is who
    asked last with a token, by the header `credentials`, which was looked at as of the rev `known_at`:
    to be looked at again before it is believed. `counted` is for whom `client` was looked up last.
    `head` is the last that was looked at of those without a body, method and headers, and `fields` are
    its headers by name: what is said again on a connection, as most clients do, need not be read again."""

    __slots__ = ("address", "client", "counted", "credentials", "fields", "head", "known_at", "principal")

    def __init__(self, address: str | None, client: Client | None) -> None:
        self.address = address
        self.client = client
        self.counted: Principal | None = None
        self.credentials = b""
        self.known_at = 0
        self.principal: Principal | None = None
        self.head: tuple[str, Sequence[tuple[bytes, bytes]]] | None = None
        self.fields: Mapping[bytes, bytes] = {}

    def keep(
        self, method: str, headers: Sequence[tuple[bytes, bytes]], fields: Mapping[bytes, bytes]
    ) -> None:
        """Remember a head that was looked at, where it is not long."""
        if sum(len(name) + len(value) for name, value in headers) <= MAX_KEPT:
            self.head, self.fields = (method, headers), fields

    def speaks_for(self, client: Client | None, principal: Principal) -> None:
        """From now on the connection is this client's, as which the principal counts. Raises TooManyRequests,
        and has it closed, where that has as many as it may."""
        if client is self.client:
            self.counted = principal
            return
        if client is not None:
            try:
                client.connect()
            except TooManyRequests as error:
                error.headers["Connection"] = "close"
                raise
        self.leave()
        self.client, self.counted = client, principal

    def leave(self) -> None:
        """The connection ends."""
        if self.client is not None:
            self.client.connections -= 1
            self.client = self.counted = None


class Clients:
    """All that are counted in this process. Bounded by what there is to count: a client that has nothing, and
    has not written for a second, is forgotten."""

    def __init__(self, limits: ClientLimits) -> None:
        self.limits = limits
        self.refusals = ClientRefusals()
        self._of: dict[str, Client] = {}
        self._swept_at = -inf

    def __len__(self) -> int:
        return len(self._of)

    def connected(self, address: tuple[str, int] | None) -> Peer:
        """A new connection, from this address. Raises TooManyRequests."""
        shown = None if address is None else client_address(address[0])
        client = None if shown is None else self._client(shown)
        if client is not None:
            client.connect()
        return Peer(shown, client)

    def of(self, principal: Principal, peer: Peer | None) -> Client | None:
        """The client that asks; None where it is not counted."""
        name = principal.id
        if name is None:
            if not principal.anonymous:
                name = principal.called
            elif peer is None or peer.address is None:
                return None
            else:
                name = peer.address
        return self._of.get(name) or self._client(name)

    def _client(self, name: str) -> Client:
        client = self._of.get(name)
        if client is None:
            if len(self._of) >= SWEPT_AT:
                self._sweep()
            client = self._of[name] = Client(name, self.limits, self.refusals)
        return client

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept_at >= SWEPT_EVERY:
            self._swept_at = now
            self._of = {name: client for name, client in self._of.items() if not client.is_idle(now)}


@lru_cache(1024)
def client_address(address: str) -> str | None:
    """The address that a client is counted by. Of IPv6 it is the network of 64 bits, all of which one machine
    can have. None for this machine itself, and for what is no address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_loopback:
        return None
    return str(ip) if ip.version == 4 else f"{ipaddress.IPv6Address(int(ip) >> 64 << 64)}/64"
