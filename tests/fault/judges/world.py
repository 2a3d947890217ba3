"""The registry as its event history says that it was, at every rev."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from tests.fault.traffic.record import Call, Key, Told, deed_of

_REV = attrgetter("rev")


class World:
    """For each key the events that made its states; and for each deed what it did."""

    def __init__(self, told: Sequence[Told]) -> None:
        self.told = told
        self.chains: dict[Key, list[Told]] = {}
        self.deeds: dict[str, list[int]] = {}
        """The revs of each deed, by its name."""
        for event in told:
            self.chains.setdefault(event.key, []).append(event)
            if event.type == "unknown":
                continue  # another hand's deed; `history` says whether there was one
            revs = self.deeds.setdefault(deed_of(event.actor), [])
            if not revs or revs[-1] != event.rev:
                revs.append(event.rev)

    def get(self, key: Key, rev: int) -> Told | None:
        """The event that made the state of the key at the rev; None where it is not there."""
        chain = self.chains.get(key, [])
        at = bisect_right(chain, rev, key=_REV) - 1
        return None if at < 0 or chain[at].gone else chain[at]

    def in_order(self, calls: Iterable[Call]) -> Iterator[tuple[Call, dict[str, dict[Key, Told]]]]:
        """Each call with the state at its rev: what is there by kind and key. The state is moved on: to be
        read before the next is taken."""
        state: dict[str, dict[Key, Told]] = {}
        at = 0
        for call in sorted((c for c in calls if c.rev is not None), key=_REV):
            while at < len(self.told) and self.told[at].rev <= call.rev:
                event = self.told[at]
                at += 1
                if event.type == "unknown":
                    continue  # it cannot be read, and is in no list and no snapshot
                of_kind = state.setdefault(event.key[0], {})
                if event.gone:
                    of_kind.pop(event.key, None)
                else:
                    of_kind[event.key] = event
            yield call, state
