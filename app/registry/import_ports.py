"""The ports of imported proctypes: the old port if it is free, otherwise a new one."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from app.errors import Conflict
from app.models import codec, keys
from app.registry import counters, ports
from app.store.contract import Changes, Snapshot
from app.store.records import Record


class PortsMoved(Exception):
    """A port was given to a proctype since it was looked at who has which."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Which proctype has which port, by key, as of the counter's rev (0: there was none). Each proctype that
    gets a port puts the counter, so that who finds it at that rev knows them all."""

    ports: dict[int, str]
    counter_rev: int

    def with_more(self, taken: Mapping[int, str], counter_rev: int) -> "Holders":
        """The same after a commit that gave these ports."""
        self.ports.update(taken)
        return Holders(self.ports, counter_rev)


def counter_rev(snapshot: Snapshot) -> int:
    """The rev of the counter of ports; 0 where none was given."""
    record = snapshot.get(keys.PORT_COUNTER)
    return 0 if record is None else record.rev


def held_ports(records: Sequence[Record]) -> dict[int, str]:
    """Which of these proctypes has which port."""
    return {codec.kept(record)["port"]: record.key for record in records}


class ImportPorts:
    """Gives ports in one commit. `taken` are those that it has given. Raises PortsMoved where the holders are
    not all."""

    def __init__(self, snapshot: Snapshot, holders: Holders) -> None:
        if holders.counter_rev != counter_rev(snapshot):
            raise PortsMoved
        self.taken: dict[int, str] = {}
        self._held = ChainMap(self.taken, holders.ports)
        self._next = _following(snapshot)

    def holder(self, port: int) -> str | None:
        """The key of the proctype that has it."""
        return self._held.get(port)

    def take(self, port: int, key: str) -> None:
        """Give a port that nobody has."""
        self.taken[port] = key
        self._next = max(self._next, port + 1)

    def take_any(self, key: str) -> int:
        """Give the next port, or, after the last, the lowest that is free. Raises Conflict."""
        for port in chain(range(self._next, ports.LAST + 1), range(ports.FIRST, self._next)):
            if port not in self._held:
                self.take(port, key)
                return port
        raise Conflict(
            f"No port between {ports.FIRST} and {ports.LAST} is free: unregister a proctype first."
        )

    def count_on(self, changes: Changes, at_least: int) -> None:
        """Have later ports be above these. The counter is put also where it stays: of two that take a port at
        a time one has to lose."""
        if self.taken or at_least > self._next:
            counters.write(changes, keys.PORT_COUNTER, min(max(self._next, at_least), ports.LAST + 1))


def count_ports_from(snapshot: Snapshot, changes: Changes, at_least: int) -> None:
    """Have later ports be at least this one."""
    if at_least > _following(snapshot):
        counters.write(changes, keys.PORT_COUNTER, min(at_least, ports.LAST + 1))


def _following(snapshot: Snapshot) -> int:
    return counters.read(snapshot, keys.PORT_COUNTER, ports.FIRST, lost=ports.LAST + 1)
