"""Numbers that only grow, each under a key of its own."""

from app.errors import Conflict
from app.registry.readable import readable
from app.store.contract import Changes, Snapshot


def read(snapshot: Snapshot, key: str, first: int, lost: int | None = None) -> int:
    """The next number to give: `first` where none was given. Where another hand has made it something else it
    is `lost`; with None that raises Conflict, for which numbers were given is not known then."""
    record = snapshot.get(key)
    if record is not None and not readable(record):
        if lost is not None:
            return lost
        raise Conflict(
            f"The store's {key} was written by another program and is not a number: the operator has to "
            "correct the next one."
        )
    return first if record is None else int(record.value)


def write(changes: Changes, key: str, following: int) -> None:
    """What `read` is to give from now on."""
    changes.puts[key] = b"%d" % following
