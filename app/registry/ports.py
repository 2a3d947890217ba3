"""Ports of proctypes: unique across the registry, ascending, reused only when the last was reached."""

from app.errors import Conflict
from app.models import codec, keys
from app.models.proctype import Proctype
from app.registry.counters import read, write
from app.store.contract import Changes, Snapshot
from app.store.snapshots import scan

FIRST = 8000
LAST = 65535


# - counter/port = n
# + counter/port = n + 1
def claim(snapshot: Snapshot, changes: Changes) -> int:
    """The next port. Raises Conflict where none is free."""
    port = read(snapshot, keys.PORT_COUNTER, FIRST, lost=LAST + 1)
    if port <= LAST:
        write(changes, keys.PORT_COUNTER, port + 1)
        return port
    taken = {codec.decode(record, Proctype).port for record in scan(snapshot, keys.PROCTYPES)}
    for port in range(FIRST, LAST + 1):
        if port not in taken:
            # Written though it stays the same: of two that look for a free port at a time one has to lose.
            write(changes, keys.PORT_COUNTER, LAST + 1)
            return port
    raise Conflict(f"No port between {FIRST} and {LAST} is free: unregister a proctype first.")
