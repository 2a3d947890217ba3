"""A snapshot as a token sees it: as if nothing else existed."""

from collections.abc import Collection, Iterator

from app.models import codec, keys
from app.models.grants import Names, Scope, host_of
from app.store.contract import UNREADABLE, Reads, Snapshot
from app.store.records import Groups, Record
from app.store.snapshots import Partial

LOOK = 1000
"""Records that are looked at in one go."""

_OF_APPS = frozenset({"app", "revision", "envset", "proctype", "scale", "secret"})
_OF_SERVICES = frozenset({"service", "endpoint"})
_PLATFORM = frozenset({"instance", "runner", "member"})
HIDDEN = frozenset({"token", "token-use"})
"""What only those may read who may read everything."""


class Sighted:
    """The part of a snapshot that a sight shows. A rule's (`of_rule`) is whole where it looks over
    everything of a kind, for a port that nobody has."""

    __slots__ = ("blocking", "inner", "of_rule", "rev", "sight")

    def __init__(self, inner: Snapshot, sight: Scope, of_rule: bool = False) -> None:
        self.inner = inner
        self.sight = sight
        self.of_rule = of_rule
        self.blocking = inner.blocking
        self.rev = inner.rev

    def get(self, key: str) -> Record | None:
        record = self.inner.get(key)
        if record is None:
            return None
        kind, _, rest = key.partition("/")
        if kind in _OF_APPS:
            # As `shows` does by way of `scope_names` and `Names.has`, for what is read most: each of these
            # calls would cost as much as what it does.
            apps = self.sight.apps
            app = rest.partition(",")[0] if "," in rest else rest
            if app in apps.exact or app.startswith(apps.prefixes):
                return record
        return record if shows(self.sight, record) or self._shows(record) else None

    def find(
        self, groups: Groups, *, after: str = "", limit: int | None = None, reverse: bool = False
    ) -> list[Record]:
        if any(all(map(self._shows_all, group)) for group in groups):
            return self.inner.find(groups, after=after, limit=limit, reverse=reverse)
        if reverse:
            return [record for record in self.inner.find(groups, reverse=True) if self._shows(record)][:limit]
        if len(groups) == 1 and len(groups[0]) == 1:
            [term] = groups[0]
            names = self._names(term)
            if names is not None:
                return self._in_ranges(term, names, after, limit)
        return self._narrowed(groups, after, limit)

    def count(self, term: str) -> int:
        if self._shows_all(term):
            return self.inner.count(term)
        return len(self.find(((term,),)))

    count_about = count

    def has_changed(self, reads: Reads) -> bool:
        return self.inner.has_changed(reads)

    def _shows_all(self, term: str) -> bool:
        kind = keys.kind_of(term)
        if self.sight.all or (self.of_rule and term == keys.PROCTYPES):
            return True
        if kind in _OF_APPS:
            return self.sight.apps.all or self._sees_app(_named(term))
        if kind in _OF_SERVICES:
            return self.sight.services.all or self.sight.services.has(_named(term))
        if kind == "instance":
            return self.sight.apps.all or self.sight.apps.has(_named(term))
        return kind not in _PLATFORM and kind not in HIDDEN and term != UNREADABLE

    def _names(self, term: str) -> Names | None:
        """What the keys of a term begin with, where it is the names of what is seen."""
        kind, _, rest = term.partition("/")
        if rest and not rest.startswith("?"):
            return None
        if kind in _OF_APPS:
            return self.sight.apps | Names(frozenset(self._apps_of_hosts()))
        return self.sight.services if kind in _OF_SERVICES else None

    def _in_ranges(self, term: str, names: Names, after: str, limit: int | None) -> list[Record]:
        """From one range of keys to the next: what lies between is not looked at."""
        records: list[Record] = []
        for begins in _ranges(keys.kind_of(term), names):
            if limit is not None and len(records) >= limit:
                break
            if begins.endswith(END):
                record = self.inner.get(begins[:-1])
                if record is not None and record.key > after and term in record.terms:
                    records.append(record)
                continue
            at = max(_before(begins), after)
            while at < begins + LAST and (limit is None or len(records) < limit):
                step = LOOK if limit is None else limit - len(records)
                page = self.inner.find(((term,),), after=at, limit=step)
                fitting = [record for record in page if record.key.startswith(begins)]
                records += fitting
                if len(fitting) < step:
                    break
                at = page[-1].key
        return records

    def _narrowed(self, groups: Groups, after: str, limit: int | None) -> list[Record]:
        """Those of a selection that are seen: by terms where there are terms for it, else one by one."""
        kind = keys.kind_of(next(iter(groups[0])))
        own = self._own_terms(kind)
        if own is not None:
            return self.inner.find([*groups, own], after=after, limit=limit) if own else []
        records: list[Record] = []
        looked = 0
        while True:
            page = self.inner.find(groups, after=after, limit=LOOK)
            records += [record for record in page if self._shows(record)]
            if limit is not None and len(records) >= limit:
                return records[:limit]
            if len(page) < LOOK:
                return records
            after = page[-1].key
            looked += len(page)
            if limit is not None and not self.of_rule and looked >= 2 * LOOK:
                return Partial(records, after)

    def _own_terms(self, kind: str) -> Collection[str] | None:
        """Terms of which all that is seen of a kind carries one; None where there are none for it."""
        sight = self.sight
        if kind == "instance" and not sight.apps.prefixes and not sight.hosts.prefixes:
            own = {keys.instances_of_app(app) for app in sight.apps.exact}
            if not sight.hosts.none:
                own |= {keys.pending(), *map(keys.instances_on, sight.hosts.exact)}
            return own
        if kind == "runner" and not sight.hosts.prefixes:
            return {keys.runners_on(host) for host in sight.hosts.exact}
        return None

    def _shows(self, record: Record) -> bool:
        if shows(self.sight, record):
            return True
        kind, _, rest = record.key.partition("/")
        return kind in _OF_APPS and self._sees_app(rest.partition(",")[0])

    def _sees_app(self, name: str) -> bool:
        if self.sight.apps.has(name):
            return True
        if self.sight.hosts.none:
            return False
        if self.sight.hosts.prefixes:
            return name in self._apps_of_hosts()
        on_hosts = [keys.instances_on(host) for host in self.sight.hosts.exact]
        return bool(self.inner.find([on_hosts, [keys.instances_of_app(name)]], limit=1))

    def _apps_of_hosts(self) -> set[str]:
        """The apps of the instances that are on the hosts."""
        if self.sight.hosts.none:
            return set()
        if self.sight.hosts.prefixes:
            live = self.inner.find(((keys.LIVE,),))
            own = [record for record in live if self._is_on_hosts(record)]
        else:
            own = self.inner.find([[keys.instances_on(host) for host in self.sight.hosts.exact]])
        return {codec.kept(record)["app"] for record in own}

    def _is_on_hosts(self, record: Record) -> bool:
        return any(
            term.startswith("instance/?host=") and self.sight.hosts.has(term.partition("=")[2])
            for term in record.terms
        )


def scope_names(scope: Scope, key: str) -> bool | None:
    """Whether a scope names what a key is of: its app, its service or its host. None where the key alone does
    not say whose it is."""
    kind, _, rest = key.partition("/")
    if kind in _OF_APPS:
        return scope.apps.has(rest.partition(",")[0])
    if kind in _OF_SERVICES:
        return scope.services.has(rest.partition(",")[0])
    if kind == "runner":
        return scope.hosts.has(host_of(rest))
    if kind == "member":
        return scope.hosts.has(host_of(rest.partition(",")[2]))
    return None


def shows(sight: Scope, record: Record) -> bool:
    """Whether a sight shows a record, by itself: the apps of a host's instances take a look at those."""
    if sight.all:
        return True
    named = scope_names(sight, record.key)
    if named is not None:
        return named
    kind = record.key.partition("/")[0]
    return _shows_instance(sight, record) if kind == "instance" else kind not in HIDDEN


def _shows_instance(sight: Scope, record: Record) -> bool:
    """Its app and its host stand in its terms; those of an ended entry name its app alone."""
    for term in record.terms:
        name, _, value = term.partition("=")
        if name in ("instance/?app", "instance/?ended"):
            if sight.apps.has(value.partition(",")[0]):
                return True
        elif name == "instance/?host" and sight.hosts.has(value):
            return True
    return not sight.hosts.none and keys.pending() in record.terms


def _named(term: str) -> str:
    """The app or service that all of a term are of; "" where it names none."""
    rest = term.partition("/")[2]
    if rest.startswith("?"):
        # `?status=..` and `?host=..` have no such name, and what is called the same in any app begins empty.
        condition, _, value = rest.partition("=")
        return value.partition(",")[0] if condition in _NAMING else ""
    name, comma, _ = rest.partition(",")
    return name if comma else ""


_NAMING = frozenset({"?app", "?proctype", "?revision", "?env", "?scale", "?pending", "?ended"})


def _ranges(kind: str, names: Names) -> Iterator[str]:
    """What the keys of each pattern begin with, in the order of keys. No two overlap."""
    after_name = END if kind in ("app", "service") else ","
    return iter(
        sorted(f"{kind}/{name}" for name in (*names.prefixes, *(n + after_name for n in names.exact)))
    )


END, LAST = "\0", "\U0010ffff"
"""Sorts before and after every character that a key has: the end of a name that is meant exactly, and of all
that begins alike."""


def _before(begins: str) -> str:
    """A text that sorts before everything that begins so, and after everything before that."""
    return begins[:-1] + chr(ord(begins[-1]) - 1) + LAST
