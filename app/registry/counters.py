"""Numbers that only grow, each under a key of its own."""

from app.store.contract import Changes, Snapshot


def read(snapshot: Snapshot, key: str, first: int) -> int:
    """The next number to give."""
    record = snapshot.get(key)
    return first if record is None else int(record.value)


def write(changes: Changes, key: str, following: int) -> None:
    """What `read` is to give from now on."""
    changes.puts[key] = b"%d" % following
