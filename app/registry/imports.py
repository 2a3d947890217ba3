"""Puts the objects of an export into the registry, some at a time.

Each commit leaves a consistent state: an object comes after those that it names. Only an app's head,
which names a revision, is put once the revision has come. Objects that are there already are recognized,
so that the same file goes on where it stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from app.errors import Conflict
from app.models import codec, keys
from app.models.base import rfc3339
from app.models.imports import ImportMode, NewPort
from app.models.instance import ACTIVE, Status
from app.models.paths import path_of
from app.registry import counters
from app.registry.claims import note_return
from app.registry.difference import NO_FIELDS
from app.registry.import_entries import ImportEntry, wrong
from app.registry.import_ports import Holders, ImportPorts, count_ports_from
from app.registry.readable import readable
from app.registry.tickets import FIRST_ID
from app.registry.transfer import Following
from app.store.contract import Changes, Snapshot
from app.store.records import Record

MOST_TOLD = 100
"""Conflicts that are told of one commit."""

_OBJECTS = {
    "apps": (keys.APPS,),
    "revisions": (keys.REVISIONS,),
    "env sets": (keys.ENVSETS,),
    "proctypes": (keys.PROCTYPES,),
    "targets of scales": (keys.SCALES,),
    "services": (keys.SERVICES,),
    "endpoints": (keys.ENDPOINTS,),
    "instances": (keys.LIVE, keys.ENDED),
    "runners": (keys.RUNNERS,),
    "members": (keys.MEMBERS,),
}

_CHANGES = frozenset({"app", "revision", "proctype", "scale", "member"})
"""Kinds whose objects may change. Of the others one with another content is another object."""


@dataclass(frozen=True, slots=True)
class Head:
    """The revision that an app is to have as its head, once it has come. `updated_at` is the app's."""

    key: str
    head: str
    line: int
    updated_at: str


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """What one commit is to bring. `before` is how many objects of the file were there before it.
    With the `last` one, `following` is what the registry is to give next at least. `holders`: where there
    are proctypes, who has which port."""

    entries: Sequence[ImportEntry]
    heads: Sequence[Head] = ()
    mode: ImportMode = ImportMode.EMPTY
    before: int = 0
    last: bool = False
    following: Following | None = None
    holders: Holders | None = None


@dataclass(slots=True)
class Done:
    """What became of the objects of a batch. `commits`: whether that takes a commit."""

    commits: bool = False

    imported: int = 0
    unchanged: int = 0
    left: int = 0
    secrets: int = 0
    ports: list[NewPort] = field(default_factory=list)
    taken: Mapping[int, str] = field(default_factory=dict)
    """Ports that were given, with whose they are."""


# + app/, revision/, envset/, proctype/, scale/, service/, endpoint/, instance/, runner/, member/ of the batch
# - app/{name} (without its head, or, with `merge`, other than the file says)
# + app/{name}
# - counter/instance, counter/port, counter/return
# + counter/instance, counter/port (above all that came), counter/return + 1 with pending ones
def put(snapshot: Snapshot, at: datetime, batch: ImportBatch) -> Changes:
    """The changes, whose `result` is a Done. Raises InvalidRequest that names a line, Conflict with all that
    stands against the batch, PortsMoved."""
    return _Putting(snapshot, at, batch).run()


class _Putting:
    def __init__(self, snapshot: Snapshot, at: datetime, batch: ImportBatch) -> None:
        self._snapshot = snapshot
        self._at = rfc3339(at)
        self._batch = batch
        self._merges = batch.mode is ImportMode.MERGE
        self._changes = Changes()
        self._done = Done()
        self._conflicts: list[dict[str, Any]] = []
        self._known: dict[str, bool] = {}
        self._own = {entry.key for entry in batch.entries}
        self._ports: ImportPorts | None = None
        self._next_id = counters.read(snapshot, keys.INSTANCE_COUNTER, FIRST_ID)
        self._first_free_id = self._next_id

    def run(self) -> Changes:
        batch, done, changes = self._batch, self._done, self._changes
        if batch.holders is not None:
            self._ports = ImportPorts(self._snapshot, batch.holders)
        for entry in batch.entries:
            record = self._snapshot.get(entry.key)
            if record is None:
                self._put_new(entry)
            else:
                self._meet(entry, record)
        for head in batch.heads:
            self._put_head(head)
        # While all that comes is there already, what is there besides may come later.
        if not self._merges and (changes.puts or batch.last):
            self._check_alone()
        self._refuse()
        self._count_on()
        done.commits = not changes.empty
        changes.result = done
        return changes

    # What is not there

    def _put_new(self, entry: ImportEntry) -> None:
        if entry.kind == "instance" and not self._may_have_id(entry):
            return
        self._check_needs(entry)
        value = entry.value
        if entry.kind == "proctype":
            value = self._with_port(entry)
        elif entry.head is not None and self._has_come(keys.revision(_name(entry), entry.head)):
            value = codec.keep({**from_json(value), "head": entry.head})
        self._put(entry, value)
        self._done.secrets += entry.secrets

    def _put(self, entry: ImportEntry, value: bytes) -> None:
        self._changes.puts[entry.key] = value
        self._known[entry.key] = True
        if entry.ttl is not None:
            self._changes.ttls[entry.key] = entry.ttl
        self._done.imported += 1

    def _may_have_id(self, entry: ImportEntry) -> bool:
        """Ids are unique for ever. In an empty registry nothing is left of those that were given before."""
        id = keys.instance_id(entry.key)
        if not self._merges or id >= self._first_free_id:
            self._next_id = max(self._next_id, id + 1)
            return True
        if entry.status in ACTIVE:
            self._conflict(
                entry,
                f"It is {entry.status} in the file, and its id was given here before, to one that is gone. "
                "Export with `include=declared` to leave instances out.",
            )
        else:
            self._done.left += 1
        return False

    def _check_needs(self, entry: ImportEntry) -> None:
        for key in entry.needs:
            if not self._has_come(key):
                raise wrong(entry.line, f"there is no {path_of(key)}: it has to come before", "object")
        if entry.accepted is None:
            return
        made = self._changes.puts.get(entry.accepted)
        record = self._snapshot.get(entry.accepted) if made is None else None
        value = made if record is None else record.value
        if value is None or from_json(value).get("state") != "accepted":
            raise wrong(entry.line, f"{path_of(entry.accepted)} is not accepted", "object", "revision")

    def _has_come(self, key: str) -> bool:
        known = self._known.get(key)
        if known is None:
            # An app's head may come in the same batch, behind it.
            known = key in self._own or self._snapshot.get(key) is not None
            self._known[key] = known
        return known

    # What is there

    def _meet(self, entry: ImportEntry, record: Record) -> None:
        """An object of the file whose key is taken."""
        done = self._done
        if not readable(record):
            self._conflict(entry, "Another program wrote it, and it cannot be read: DELETE it first.")
        elif record.value == entry.value:
            done.unchanged += 1
        elif not self._merges or entry.kind == "instance":
            self._know_again(entry, codec.kept(record), record)
        else:
            self._merge(entry, codec.kept(record))

    def _know_again(self, entry: ImportEntry, kept: dict[str, Any], record: Record) -> None:
        """The very object of the file was made at the same microsecond; it may have lived on since."""
        same = kept["created_at"] == entry.created_at
        if entry.kind == "instance":
            wanted = from_json(entry.value)
            same = same and all(kept[name] == wanted[name] for name in ("app", "proctype", "revision", "env"))
        if not same:
            self._conflict(
                entry, f"Another one is there: it was registered here, at rev {record.created_rev}."
            )
        elif kept["updated_at"] == entry.updated_at:
            self._done.unchanged += 1
        elif self._merges or kept["updated_at"] > entry.updated_at:
            self._done.left += 1
        else:
            self._conflict(entry, "What is there is older than in the file.")

    def _merge(self, entry: ImportEntry, kept: dict[str, Any]) -> None:
        wanted = from_json(entry.value)
        if entry.kind == "app":
            # Secrets stay, and so does the head until its revision has come.
            wanted = codec.with_secrets(wanted, kept.get("secrets", {}))
            if entry.head is not None:
                wanted["head"] = entry.head if self._has_come(_head_key(entry)) else kept["head"]
        elif entry.kind == "proctype":
            wanted["port"] = kept["port"]
        if _content(wanted) == _content(kept):
            self._done.unchanged += 1
        elif entry.kind not in _CHANGES:
            self._conflict(entry, "It is there with another content, and never changes.")
        elif entry.kind == "revision" and kept["state"] == "accepted":
            if wanted["state"] == "accepted":
                self._conflict(entry, "It is accepted with another archive.")
            else:
                self._done.left += 1
        else:
            self._check_needs(entry)
            times = {"created_at": kept["created_at"], "updated_at": self._at}
            self._put(entry, codec.keep({**wanted, **times}))

    def _put_head(self, head: Head) -> None:
        kept = self._kept_app(head.key)
        if kept is None:
            return
        changed_since = not self._merges and kept["updated_at"] > head.updated_at
        if kept["head"] == head.head or changed_since:
            return
        if not self._has_come(keys.revision(kept["name"], head.head)):
            raise wrong(head.line, f"there is no revision {head.head}, which is its head", "object", "head")
        own = kept["updated_at"] == head.updated_at
        updated = kept["updated_at"] if own else self._at
        self._changes.puts[head.key] = codec.keep({**kept, "head": head.head, "updated_at": updated})

    def _kept_app(self, key: str) -> dict[str, Any] | None:
        """The app as it is now, or will be; None where it is gone again."""
        made = self._changes.puts.get(key)
        if made is not None:
            app: dict[str, Any] = from_json(made)
            return app
        record = self._snapshot.get(key)
        return None if record is None or not readable(record) else codec.kept(record)

    def _with_port(self, entry: ImportEntry) -> bytes:
        """The value with a port that nobody else has."""
        assert self._ports is not None, "it was looked up for proctypes"
        content = from_json(entry.value)
        wanted: int = content["port"]
        holder = self._ports.holder(wanted)
        if holder is None:
            self._ports.take(wanted, entry.key)
            return entry.value
        if not self._merges:
            self._conflict(entry, f"Its port {wanted} is that of {path_of(holder)}.")
            return entry.value
        port = self._ports.take_any(entry.key)
        path = path_of(entry.key) or entry.key
        self._done.ports.append(NewPort(path=path, was=wanted, port=port))
        return codec.keep({**content, "port": port})

    # All of it

    def _check_alone(self) -> None:
        """Raises Conflict where the registry has more than what came of the file."""
        counts = {name: sum(map(self._snapshot.count, terms)) for name, terms in _OBJECTS.items()}
        more = sum(counts.values()) - self._batch.before - self._done.unchanged - self._done.left
        if more > 0:
            there = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
            raise Conflict(
                f"The registry is not empty: it has {there}, and {more} of these are not of this file. "
                "Import it into an empty registry, or with `mode=merge` beside what there is."
            )

    def _conflict(self, entry: ImportEntry, detail: str) -> None:
        path = path_of(entry.key) or entry.key
        self._conflicts.append({"path": path, "code": Conflict.code, "detail": detail, "line": entry.line})

    def _refuse(self) -> None:
        if self._conflicts:
            first, more = self._conflicts[0], ""
            if len(self._conflicts) > 1:
                more = f" {len(self._conflicts) - 1} more are in `conflicts`."
            raise Conflict(
                f"Line {first['line']}, {first['path']}: {first['detail']}{more}",
                conflicts=self._conflicts[:MOST_TOLD],
            )

    def _count_on(self) -> None:
        """Have the registry give ids and ports above those that came. A counter is put also where it stays:
        it stands for the set of instances, and of ports."""
        changes, following = self._changes, self._batch.following
        came = [entry for entry in self._batch.entries if entry.key in changes.puts]
        if following is not None and not self._merges:
            self._next_id = max(self._next_id, following.instance or 0)
        if self._next_id > self._first_free_id or any(entry.kind == "instance" for entry in came):
            counters.write(changes, keys.INSTANCE_COUNTER, self._next_id)
        if any(entry.status is Status.PENDING for entry in came):
            note_return(self._snapshot, changes)
        at_least = following.port if following is not None and not self._merges else None
        if self._ports is not None:
            self._ports.count_on(changes, at_least or 0)
            self._done.taken = self._ports.taken
        elif at_least:
            count_ports_from(self._snapshot, changes, at_least)


def _name(entry: ImportEntry) -> str:
    return entry.key.removeprefix(keys.APPS)


def _head_key(entry: ImportEntry) -> str:
    return keys.revision(_name(entry), entry.head or "")


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in NO_FIELDS}
