"""The registry as its event history says that it was, at every rev."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter

from tests.fault.traffic.record import Call, Key, Told, deed_of

_REV = attrgetter("rev")
_OF_APPS = ("app", "revision", "envset", "proctype", "scale")


class World:
    """For each key the events that made its states; and for each deed what it did."""

    def __init__(self, told: Sequence[Told]) -> None:
        self.told = told
        self.chains: dict[Key, list[Told]] = {}
        self.deeds: dict[str, list[int]] = {}
        """The revs of each deed, by its name."""
        self._below: dict[str, set[Key]] = {}
        for event in told:
            if event.key[0] in _OF_APPS:
                self._below.setdefault(event.key[1], set()).add(event.key)
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

    def below(self, app: str) -> Collection[Key]:
        """The keys of the app and of what is declared for it, with targets: all that there ever were."""
        return self._below.get(app, ())

    def at(self, rev: int) -> Sequence[Told]:
        """The events of a rev."""
        return self.told[bisect_left(self.told, rev, key=_REV) : bisect_right(self.told, rev, key=_REV)]

    def written_by(self, rev: int) -> int:
        """The rev of the last write of a service up to this one. What another hand puts into etcd is in no
        journal, and a replica that has all that was written through services may not have it yet."""
        # A rev at which nothing was committed (there are such, on etcd) is told of once a later one is there.
        shown = rev if self.at(rev) else self._next(rev)
        while (events := self.at(shown)) and all(event.type == "unknown" for event in events):
            before = bisect_left(self.told, shown, key=_REV) - 1
            rev = shown = self.told[before].rev if before >= 0 else 0
        return rev

    def _next(self, rev: int) -> int:
        """The first rev after this one that has events; itself, where there is none."""
        after = bisect_right(self.told, rev, key=_REV)
        return self.told[after].rev if after < len(self.told) else rev

    def between(self, after: int, upto: int) -> Iterator[tuple[int, list[Told]]]:
        """The revs after one and up to another, each with its events."""
        start = bisect_right(self.told, after, key=_REV)
        end = bisect_right(self.told, upto, key=_REV)
        for rev, events in groupby(islice(self.told, start, end), key=_REV):
            yield rev, list(events)

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
