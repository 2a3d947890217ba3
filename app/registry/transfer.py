"""What an export has beside the objects, which instances it includes, and what a dry run of an import
keeps."""

from collections.abc import Iterable
from typing import NamedTuple

from pydantic_core import from_json

from app.models import codec, keys
from app.registry import counters, ports
from app.registry.selection import began_at
from app.registry.tickets import FIRST_ID
from app.store.contract import Changes, Snapshot
from app.store.records import Record


class Following(NamedTuple):
    """The next id of an instance, and the next port of a proctype; None where another hand has spoiled the
    counter."""

    instance: int | None
    port: int | None


def following_numbers(snapshot: Snapshot) -> Following:
    """What the registry would give next."""
    id = counters.read(snapshot, keys.INSTANCE_COUNTER, FIRST_ID, lost=0)
    port = counters.read(snapshot, keys.PORT_COUNTER, ports.FIRST, lost=0)
    return Following(id or None, port or None)


def in_their_life(records: Iterable[Record], began: dict[str, int], snapshot: Snapshot) -> list[Record]:
    """Of instances, and of entries of those that have ended, the ones that the present app and proctype have
    run. An entry goes with its proctype; a final instance is listed still while there is none of its name.
    `began` is filled with what is looked up."""
    entries = []
    for record in records:
        since = began_at(snapshot, record, began)
        if record.created_rev >= since and (since or not keys.is_ended(record.value)):
            entries.append(record)
    return entries


# what a dry run of an import remembers of its changes:
# + app/{name} (its name, head and time), envset/, service/, proctype/ (nothing but that they are there)
# + revision/, counter/
def thin(changes: Changes) -> Changes:
    """What a dry run has to remember of the changes of an import: what later lines can name."""
    puts = {key: _thinned(key, value) for key, value in changes.puts.items()}
    return Changes(
        puts={key: value for key, value in puts.items() if value is not None}, result=changes.result
    )


def _thinned(key: str, value: bytes) -> bytes | None:
    match keys.kind_of(key):
        case "app":
            content = from_json(value)
            return codec.keep({name: content[name] for name in ("name", "head", "updated_at")})
        case "envset" | "service" | "proctype":
            return codec.Encoded(b"{}")
        case "revision" | "counter":
            return value
    return None
