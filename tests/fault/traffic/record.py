"""What was asked, when, and what came of it."""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

NEVER = 2**63 - 1
"""The end of a call that was never answered: its effect may come at any time."""

_TRY = re.compile(r"\.\d+\Z")
_MOMENT = re.compile(r"[?&](rev|at|to)=|/commits/")

Key = tuple[str, ...]
"""What names a resource: its kind, and its names as text. `("service", "memcached")`."""


class Outcome(StrEnum):
    """`refused` has certainly had no effect; `unknown` may have had one, or may have one yet."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Call:
    """One call. `about` is the resource it addresses, `token` the fencing token it carries. Times are
    monotonic nanoseconds; `status` is 0 where no answer came; `rev` is what `Visor-Rev` said."""

    client: str
    replica: int
    op: str
    method: str
    path: str
    body: Any = None
    about: Key | None = None
    actor: str = ""
    key: str | None = None
    if_match: int | None = None
    start: int = 0
    end: int = NEVER
    status: int = 0
    outcome: Outcome = Outcome.UNKNOWN
    rev: int | None = None
    answer: bytes = b""
    replayed: bool = False
    connection: int = 0

    @property
    def said(self) -> Any:
        """The answer, which is JSON."""
        return json.loads(self.answer)

    @property
    def code(self) -> str:
        """Of a problem: its code."""
        return str(self.said["code"]) if self.status >= 400 else ""

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def deed(self) -> str:
        """What the call is an attempt at: all tries with one Idempotency-Key are one deed."""
        return deed_of(self.actor)

    @property
    def is_default_read(self) -> bool:
        return self.method == "GET" and "consistency=stale" not in self.path and not self.names_rev

    @property
    def names_rev(self) -> bool:
        """Whether it says itself of which moment it is, or up to which."""
        return _MOMENT.search(self.path) is not None

    def __str__(self) -> str:
        body = f" {json.dumps(self.body)}" if self.body is not None else ""
        went = f"{self.outcome} {self.status} rev {self.rev}"
        took = "" if self.end == NEVER else f" after {(self.end - self.start) / 1e6:.0f} ms"
        who = f"{self.actor or self.client} at {self.start / 1e9:.3f} via {self.replica}"
        return f"{who}: {self.method} {self.path}{body} -> {went}{took}"


def deed_of(actor: str) -> str:
    """`w3-17` for `w3-17.1`, the first repetition of it."""
    return _TRY.sub("", actor)


BOOKMARK, SNAPSHOT_END = -1, -2
"""Stand for the index of a frame that is no event."""


@dataclass(slots=True)
class Session:
    """One stream from its opening to its end. `start` is the Last-Event-ID, or the rev, that it was asked
    to go on after; `rev` of its answer is where it began where neither was given. `frames` are triples of
    rev, index and the hash of the data. `end` is how it ended: `left` by us, `over` (a clean end), `cut`,
    `gone`, or `refused`."""

    subscriber: str
    replica: int
    start: str | None
    query: dict[str, Any]
    opened: int = 0
    status: int = 0
    rev: int | None = None
    frames: list[tuple[int, int, int]] = field(default_factory=list)
    objects: list[bytes] = field(default_factory=list)
    end: str = "cut"

    def __str__(self) -> str:
        return f"{self.subscriber} via {self.replica} after {self.start} {self.query}"


class Told:
    """One event of the history, as the archivist was told it. `key` names its object, whose JSON after the
    event (before it, for an `-unregister`) is `object`."""

    __slots__ = (
        "__dict__",
        "actor",
        "at",
        "digest",
        "host_before",
        "index",
        "key",
        "object",
        "rev",
        "seen",
        "type",
    )

    def __init__(self, data: bytes, seen: int = 0) -> None:
        head, _, tail = data.partition(b',"object":')
        said = json.loads(head + b"}" if tail else head)
        self.rev: int = said["rev"]
        self.index: int = said["index"]
        self.type: str = said["type"]
        self.actor: str = said["actor"]
        self.at: str = said["at"]
        self.digest = hash(data)
        self.object = tail[:-1]
        self.seen = seen
        self.host_before: str | None = None
        self.key: Key = key_of(self.type, said)
        self.previous = said.get("previous")
        """Of a target: what it was before."""

    @cached_property
    def said(self) -> Any:
        """The object."""
        return json.loads(self.object)

    @property
    def gone(self) -> bool:
        """Whether its object is no longer there."""
        return self.type.endswith("-unregister") or (self.type == "scale-update" and not self.said["target"])

    def __str__(self) -> str:
        return f"{self.rev}-{self.index} {self.type} {'/'.join(self.key)} by {self.actor}"


_NAMES = {
    "app": ("app", "app"),
    "rev": ("revision", "app", "revision"),
    "env": ("envset", "app", "env"),
    "proc": ("proctype", "app", "proctype"),
    "instance": ("instance", "instance"),
    "scale": ("scale", "app", "proctype", "revision", "env"),
    "service": ("service", "service"),
    "endpoint": ("endpoint", "service", "endpoint"),
    "runner": ("runner", "runner"),
    "member": ("member", "member"),
}


def key_of(type_: str, said: dict[str, Any]) -> Key:
    """What an event's object is named by."""
    if type_ == "unknown":
        return ("unknown", str(said["key"]))
    kind, *names = _NAMES[type_.partition("-")[0]]
    return (kind, *("" if said[name] is None else str(said[name]) for name in names))


@dataclass(slots=True)
class Evidence:
    """All that was seen of one run. `pages` are what each replica said at the end for the same paths at the
    same revs; `complaints` what went wrong in a way that no judge looks at."""

    calls: list[Call] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    pages: list[dict[str, bytes]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    last_rev: int = 0
    replicas: int = 1
