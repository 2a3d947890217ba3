"""Hosts and their addresses, each in the one spelling that is kept and answered (DESIGN section 3, Names).

`Box7.Example.com.` and `box7.example.com` are one machine. If both were kept as they come, one would not be
found by the other: a claimer could be refused its own claim.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, inet_pton

MAX_HOST = 253

_DNS_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NUMBER = re.compile(r"[0-9]+\Z|0x[0-9a-f]*\Z")
"""A last label that old resolvers and browsers read as part of an IPv4 address, as in `0x7f000001`."""

_PORT = re.compile(r"[1-9][0-9]{0,4}\Z")


def canonical_ip(text: str) -> str | None:
    """An IP address as RFC 5952 writes it, one that is IPv4 inside IPv6 as IPv4; None where it is none."""
    # It is a client's text: only what is short is remembered.
    return _canonical_ip(text) if len(text) <= MAX_HOST else None


@lru_cache(4096)
def _canonical_ip(text: str) -> str | None:
    try:
        # Most are IPv4, which has one spelling; a document may have thousands, and `ipaddress` is slow.
        inet_pton(AF_INET, text)
        return text
    except (OSError, ValueError):
        pass
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    # A zone (`fe80::1%eth0`) means something on one machine only.
    if address.scope_id is not None:
        return None
    return str(address.ipv4_mapped or address)


def is_ip(text: str) -> bool:
    return canonical_ip(text) is not None


def canonical_host(text: str) -> str | None:
    """An IP address or a DNS name, lower case, without a trailing dot; None where it is neither."""
    return _canonical_host(text) if len(text) <= MAX_HOST else None


@lru_cache(4096)
def _canonical_host(text: str) -> str | None:
    address = _canonical_ip(text)
    if address is not None:
        return address
    # Before it is lower case: of some other characters that is an ASCII letter.
    if not text.isascii():
        return None
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if _NUMBER.match(labels[-1]) or not all(map(_DNS_LABEL.match, labels)):
        return None
    return name


def split_host_port(addr: str) -> tuple[str, int] | None:
    """`host:port` or `[ipv6]:port` as its two parts, the host in its one spelling, or None where it is
    neither."""
    host, colon, port = addr.rpartition(":")
    if not colon or not _PORT.match(port) or int(port) > 65535:
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        address = canonical_ip(host) if ":" in host else None
        return None if address is None else (address, int(port))
    if ":" in host:
        return None
    name = canonical_host(host)
    return None if name is None else (name, int(port))


def canonical_host_port(addr: str) -> str | None:
    """`host:port` or `[ipv6]:port` in its one spelling, or None where it is neither."""
    parts = split_host_port(addr)
    if parts is None:
        return None
    host, port = parts
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def canonical_host_maybe_port(addr: str) -> str | None:
    return canonical_host_port(addr) or canonical_host(addr)


def as_kept(host: str) -> str:
    """A host that was kept: in its one spelling, where an older version kept it in another. What is no host
    by today's rules stays as it is: what was once taken can still be read and removed."""
    return canonical_host(host) or host
