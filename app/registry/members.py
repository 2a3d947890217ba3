"""Members: the platform's own parts, present as long as they say so."""

from datetime import datetime
from functools import partial

from app.errors import InvalidRequest
from app.models import codec, keys
from app.models.hosts import canonical_host_maybe_port, split_host_port
from app.models.member import Member, MemberKind, MemberSet
from app.registry.state import find, new, removable, spelled, update
from app.store.contract import Changes, Snapshot


def check_addr(kind: MemberKind, addr: str) -> None:
    """Loggers are addressed with a port, the others without. Raises InvalidRequest."""
    if (split_host_port(addr) is not None) != (kind is MemberKind.LOGGERS):
        form = "host:port" if kind is MemberKind.LOGGERS else "a host, without a port"
        raise InvalidRequest.of(["path", "addr"], f"{kind} are addressed as {form}")


# - member/{kind},{addr} (old version or ttl, if it was there)
# + member/{kind},{addr}
def put(snapshot: Snapshot, at: datetime, kind: MemberKind, addr: str, body: MemberSet) -> Changes:
    """A PUT that says what is known already only renews the lease: no commit. Raises InvalidRequest."""
    check_addr(kind, addr)
    key = keys.member(kind, addr)
    member = find(snapshot, key, Member)
    if member is None:
        fresh = Member(**new(at), kind=kind, addr=addr, version=body.version, ttl=body.ttl)
        changes = Changes(puts={key: codec.encode(fresh)}, answer=key)
    else:
        changes = update(key, member, at, version=body.version, ttl=body.ttl)
    if body.ttl is not None:
        if changes.puts:
            changes.ttls[key] = body.ttl
        else:
            changes.renews.add(key)
    return changes


def key_of(snapshot: Snapshot, kind: MemberKind, addr: str) -> str:
    """Where the member is. Raises InvalidRequest."""
    kept = canonical_host_maybe_port(addr)
    key = spelled(snapshot, partial(keys.member, kind), kept, addr)
    if key is None:
        raise InvalidRequest.of(["path", "addr"], "should be an IP address or a DNS name")
    if kept is not None:
        check_addr(kind, kept)
    return key


# - member/{kind},{addr}
def remove(snapshot: Snapshot, at: datetime, kind: MemberKind, addr: str) -> Changes:
    """Raises NotFound, InvalidRequest."""
    key = key_of(snapshot, kind, addr)
    removable(snapshot, key, f"member {addr} of {kind}")
    return Changes(deletes={key})
