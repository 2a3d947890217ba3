"""Names to addresses, for endpoints that are registered without an ip."""

import asyncio
import socket

from app.models.hosts import canonical_ip

SECONDS = 5.0


async def resolve(addr: str) -> str | None:
    """The address of a host: itself where it is one; else the first IPv4 address of the name, or the
    first IPv6 one. None where there is none, or no answer within 5 s."""
    if address := canonical_ip(addr):
        return address
    try:
        async with asyncio.timeout(SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(addr, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for entry in found:
            if entry[0] == family and (address := canonical_ip(str(entry[4][0]))):
                return address
    return None
