"""Names to addresses, for endpoints that are registered without an ip.

Names are looked up on the event loop, by c-ares: no number of slow ones keeps a thread, and so none keeps
the others waiting. (`getaddrinfo` has a thread for each look-up, and uvloop has four.)
"""

import asyncio
import socket
from collections.abc import Sequence

import aiodns

from app.errors import InvalidRequest, RequestError, ResolverUnavailable
from app.models.hosts import canonical_ip

SECONDS = 5.0
"""For one name, all tries together."""
_TRY_SECONDS, _TRIES = 1.0, 4

_UNKNOWN = frozenset(
    {
        aiodns.error.ARES_ENOTFOUND,
        aiodns.error.ARES_ENODATA,
        aiodns.error.ARES_ENONAME,
        aiodns.error.ARES_EBADNAME,
    }
)
"""The name service has answered: there is no such name, or it has no address. Anything else says nothing
of the name."""

REMEMBERED = 4096
"""Names after which what was answered is forgotten. c-ares keeps each answer for as long as its TTL says, and
as many as there are."""


class Resolver:
    """Looks names up, `most` callers at a time. Belongs to one event loop; `close` it at the end.

    Callers that ask for the same name share one look-up. `nameservers` (`address` or `address:port`)
    instead of those that the system is set to.
    """

    def __init__(self, most: int, nameservers: Sequence[str] = ()) -> None:
        self._most = most
        self._nameservers = list(nameservers) or None
        self.waiting = 0
        """Callers that wait for an answer."""
        self._look_ups: dict[str, asyncio.Task[str | RequestError]] = {}
        self._channel: aiodns.DNSResolver | None = None
        self._names = 0

    async def find(self, addr: str) -> str | RequestError:
        """The address of a host: itself where it is one; else the first IPv4 address of the name, or the
        first IPv6 one. Or why there is none: InvalidRequest where the name does not exist,
        ResolverUnavailable where nobody can tell."""
        if address := canonical_ip(addr):
            return address
        if self.waiting >= self._most:
            return _unavailable(f"{self._most} callers wait for the name service already")
        self.waiting += 1
        try:
            task = self._look_ups.get(addr)
            if task is None:
                task = self._look_ups[addr] = asyncio.create_task(self._look_up(addr))
                task.add_done_callback(lambda _: self._look_ups.pop(addr, None))
            # One caller that goes away must not end it for the others.
            return await asyncio.shield(task)
        finally:
            self.waiting -= 1

    async def _look_up(self, addr: str) -> str | RequestError:
        # Held here until it has answered: what nobody holds is closed.
        resolver = self._resolver()
        try:
            async with asyncio.timeout(SECONDS):
                answer = await resolver.getaddrinfo(addr, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            if error.args[0] in _UNKNOWN:
                return _no_such_name(addr)
            return _unavailable(f"it says of {addr}: {error.args[1]}")
        except TimeoutError:
            return _unavailable(f"it said nothing of {addr} for {SECONDS:g} seconds")
        addresses: list[tuple[int, str]] = [
            (node.family, str(node.addr[0], "ascii")) for node in answer.nodes
        ]
        for family in (socket.AF_INET, socket.AF_INET6):
            for of, found_address in addresses:
                if of == family and (address := canonical_ip(found_address)):
                    return address
        return _no_such_name(addr)

    def _resolver(self) -> aiodns.DNSResolver:
        self._names += 1
        if self._channel is None or self._names > REMEMBERED:
            self._channel = aiodns.DNSResolver(self._nameservers, timeout=_TRY_SECONDS, tries=_TRIES)
            self._names = 0
        return self._channel

    async def close(self) -> None:
        """Let go of who waits."""
        for task in list(self._look_ups.values()):
            task.cancel()
        await asyncio.gather(*self._look_ups.values(), return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()


def _no_such_name(addr: str) -> InvalidRequest:
    return InvalidRequest.of(["body", "addr"], f"{addr} does not resolve: give its ip")


def _unavailable(why: str) -> ResolverUnavailable:
    return ResolverUnavailable(f"The name service cannot be asked: {why}. Try again, or give the ip.")
