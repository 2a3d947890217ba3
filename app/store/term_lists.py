"""Sorted lists of keys by term: those that carry it now, and those that did at some held rev only."""

from collections.abc import Collection, Iterable

from app.store.records import Record
from app.store.sorted_keys import Keys, add, discard


class TermLists:
    """A key is in one of the two lists of a term, or in neither. What is given out must not be changed."""

    def __init__(self) -> None:
        self._live: dict[str, Keys] = {}
        self._past: dict[str, Keys] = {}

    def load(self, records: Iterable[Record]) -> None:
        """Begin with these, in any order."""
        for record in records:
            for term in record.terms:
                self._live.setdefault(term, []).append(record.key)
        for keys in self._live.values():
            keys.sort()

    def move(self, key: str, before: Collection[str], after: Collection[str]) -> None:
        """Have the key listed under the terms that it carries now."""
        for term in before:
            if term not in after:
                discard(self._live[term], key)
                add(self._past.setdefault(term, []), key)
        for term in after:
            if term not in before:
                add(self._live.setdefault(term, []), key)
                discard(self._past.get(term, []), key)

    def forget(self, key: str, terms: Iterable[str]) -> None:
        """No held rev has the key with these terms any more, unless it carries them now."""
        for term in terms:
            past = self._past.get(term)
            if past is not None:
                discard(past, key)
                if not past:
                    del self._past[term]
            if term in self._live and not self._live[term]:
                del self._live[term]

    def live(self, term: str) -> Keys:
        """The keys that carry the term now."""
        return self._live.get(term, [])

    def live_of(self, group: Collection[str]) -> list[Keys]:
        """The lists of a group's terms that have anything."""
        return [keys for keys in map(self._live.get, group) if keys]

    def past_of(self, group: Collection[str]) -> list[Keys]:
        """The same of what carried them."""
        return [keys for keys in map(self._past.get, group) if keys]
