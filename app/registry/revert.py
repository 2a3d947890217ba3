"""What is declared goes back to what it was at an earlier rev. What one commit changed: `app.registry.undo`.

First missing objects are put back, in the order of their dependencies. Then counts are restored, if asked
for. Last, objects that were not there are removed, in the opposite order. Instances go on running.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.errors import AlreadyExists, InUse, InvalidRequest, InvalidState, NotFound, RequestError
from app.models import codec, keys
from app.models.base import rfc3339
from app.models.instance import SCALED
from app.models.paths import key_of, path_of
from app.models.revert import Part, Ports
from app.models.revision import Revision, RevisionState
from app.models.scale import ScaleRecord, ScaleTarget
from app.registry import apps, envsets, ports, proctypes, revisions, services
from app.registry.counters import read, write
from app.registry.difference import NO_FIELDS
from app.registry.plan import plan
from app.registry.planned_scale import scale_to
from app.registry.planner import Planner
from app.registry.readable import readable
from app.registry.state import find
from app.registry.usage import active_instance
from app.store.contract import Changes, Snapshot
from app.store.records import Record
from app.store.snapshots import scan
from app.store.steps import STEP, Steps

WOULD_DELETE = "would-delete"

_ORDER = ("app", "service", "envset", "revision", "proctype", "endpoint")
"""Kinds, what is needed before what needs it."""

_PART_OF = {
    "envset": Part.ENV_SETS,
    "revision": Part.REVISIONS,
    "proctype": Part.PROCTYPES,
    "service": Part.SERVICES,
    "endpoint": Part.ENDPOINTS,
}
_FIELDS = {
    Part.ABOUT: ("repo_url", "stack", "deploy_type"),
    Part.ENV: ("env",),
    Part.HEAD: ("head",),
}


@dataclass(frozen=True, slots=True)
class Going:
    """What goes back: for each key what it was, None where it was not there. `parts` are the only ones
    (empty: all), `variable` the only one of an app's."""

    then: Mapping[str, Record | None]
    parts: frozenset[Part] = frozenset()
    variable: str | None = None
    scale: bool = False
    delete: bool = False
    ports: Ports = Ports.SAME
    undoes: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


# what differs from then:
# - app/, envset/, revision/, proctype/, service/, endpoint/, with `scale` scale/ and instance/ (as they are)
# + the same (as they were)
def revert(snapshot: Snapshot, at: datetime, going: Going, wanted: str | None) -> Steps[Changes]:
    """The changes, whose `result` is a CommitPlan, made in steps. `going` has to be what differs between this
    snapshot and the earlier one. Raises Conflict with all that stands against it, TooManyChanges, RevMismatch
    where the plan is another than `wanted`."""
    planner = Planner(snapshot, at)
    planner.warnings += going.warnings
    restoring = _Restoring(planner, at, going)
    for key, was in restoring.in_order():
        if was is not None:
            yield from restoring.put_back(key, was)
    if going.scale:
        yield from restoring.scale()
    for key, was in reversed(list(restoring.in_order())):
        if was is None:
            yield from restoring.remove(key)
    yield from restoring.check_heads()
    return (yield from plan(planner, wanted, restoring.started, restoring.stopped, going.undoes))


class _Restoring:
    """Puts back and removes, one key after the other."""

    def __init__(self, planner: Planner, at: datetime, going: Going) -> None:
        self._planner = planner
        self._at = at
        self._going = going
        self._holders: dict[int, str] | None = None
        self.started: list[int] = []
        self.stopped: list[int] = []

    def in_order(self) -> Iterator[tuple[str, Record | None]]:
        """What goes back but for counts, what is needed before what needs it."""
        going = self._going
        for kind in _ORDER:
            part = _PART_OF.get(kind)
            if going.parts and part is not None and part not in going.parts:
                continue
            if going.parts and kind == "app" and not going.parts & _FIELDS.keys():
                continue
            for key in sorted(going.then):
                if keys.kind_of(key) == kind:
                    yield key, going.then[key]

    # What was there

    def put_back(self, key: str, was: Record) -> Steps[None]:
        yield
        path, now = path_of(key) or key, self._planner.draft.get(key)
        if not readable(was) or (now is not None and not readable(now)):
            self._planner.conflict(
                path, InvalidState.code, "Another program wrote it, and it cannot be read."
            )
            return
        restored = codec.kept(was)
        there = None if now is None else codec.kept(now)
        try:
            if keys.kind_of(key) == "app":
                restored = self._parts_of_app(restored, there)
            self._check_parent(key)
            if there is not None and _content(restored) == _content(there):
                return
            changes = Changes()
            self._check_use(key, restored, there)
            if keys.kind_of(key) == "proctype":
                restored = {**restored, "port": self._port(key, restored, there, changes)}
        except RequestError as error:
            self._planner.conflict(path, error.code, error.detail)
            return
        times = {
            "created_at": rfc3339(self._at) if there is None else there["created_at"],
            "updated_at": rfc3339(self._at),
        }
        changes.puts[key] = codec.keep({**restored, **times})
        if self._planner.has_room(1):
            yield from self._planner.put(changes)

    def _parts_of_app(self, restored: dict[str, Any], there: dict[str, Any] | None) -> dict[str, Any]:
        going = self._going
        # Their values are kept apart and do not go back: what is shown of them would be of no value.
        restored = codec.with_secrets(restored, {} if there is None else there.get("secrets", {}))
        if not going.parts and going.variable is None:
            return restored
        if there is None:
            raise NotFound("The app is gone, and a part of it cannot go back alone: revert the whole of it.")
        if going.variable is not None:
            env = {name: value for name, value in there["env"].items() if name != going.variable}
            was = {name: value for name, value in restored["env"].items() if name == going.variable}
            return {**there, "env": {**env, **was}}
        names = [name for part in _FIELDS for name in _FIELDS[part] if part in going.parts]
        return {**there, **{name: restored[name] for name in names}}

    def _check_parent(self, key: str) -> None:
        kind, _, rest = key.partition("/")
        owner = rest.partition(",")[0]
        parent = {"endpoint": keys.service(owner), "app": "", "service": ""}.get(kind, keys.app(owner))
        if parent and self._planner.draft.get(parent) is None:
            raise NotFound(f"{path_of(parent)} is gone: revert that too.")

    def _check_use(self, key: str, restored: dict[str, Any], there: dict[str, Any] | None) -> None:
        """What never changes while it is used cannot become another under instances that use it."""
        if there is None:
            return
        kind, app = keys.kind_of(key), restored.get("app", "")
        used = None
        if kind == "envset":
            used = active_instance(self._planner.draft, keys.instances_of_envset(app, restored["ref"]))
        elif kind == "revision":
            used = active_instance(
                self._planner.draft, keys.instances_of_revision(app, restored["ref"]), SCALED
            )
        if used is not None:
            raise InUse(f"Instance {used.id} is {used.status} with it as it is: scale it to 0 first.")

    def _port(
        self, key: str, restored: dict[str, Any], there: dict[str, Any] | None, changes: Changes
    ) -> int:
        """The port that a proctype comes back with."""
        port: int = restored["port"]
        if there is not None and there["port"] == port:
            return port
        if self._holders is None:
            held = scan(self._planner.draft, keys.PROCTYPES)
            self._holders = {codec.kept(record)["port"]: record.key for record in held}
        holder = self._holders.get(port, key)
        if holder != key:
            if self._going.ports is Ports.SAME:
                raise AlreadyExists(
                    f"Its port {port} is that of {path_of(holder)} by now: say `ports: new` for another."
                )
            port = ports.claim(self._planner.draft, changes)
        else:
            # Written though it stays the same: of two that take a port at a time one has to lose.
            write(
                changes,
                keys.PORT_COUNTER,
                read(self._planner.draft, keys.PORT_COUNTER, ports.FIRST, lost=ports.LAST + 1),
            )
        self._holders[port] = key
        return port

    def check_heads(self) -> Steps[None]:
        """A head has to be registered still."""
        for number, key in enumerate(self._going.then, start=1):
            if number % STEP == 0:
                yield
            if keys.kind_of(key) != "app":
                continue
            app = self._planner.draft.over.get(key)
            if app is None or app.deleted:
                continue
            name, head = (codec.kept(app)[field] for field in ("name", "head"))
            if head is not None and self._planner.draft.get(keys.revision(name, head)) is None:
                detail = f"Its head was {head}, which is gone: revert its revisions too."
                self._planner.conflict(f"/apps/{name}", NotFound.code, detail)

    # Counts

    def scale(self) -> Steps[None]:
        """The targets as they were; of those that were not there, 0."""
        for key in sorted(self._going.then):
            if keys.kind_of(key) == "scale":
                yield from self._scale(key, self._going.then[key])

    def _scale(self, key: str, was: Record | None) -> Steps[None]:
        yield
        draft = self._planner.draft
        now = draft.get(key)
        known = was or now
        if known is None or not readable(known):
            return
        kept = codec.decode(known, ScaleRecord)
        count = kept.target if known is was else 0
        revision = find(draft, keys.revision(kept.app, kept.revision), Revision)
        if (
            revision is None
            or revision.state is not RevisionState.ACCEPTED
            or (
                draft.get(keys.proctype(kept.app, kept.proctype)) is None
                or (kept.env is not None and draft.get(keys.envset(kept.app, kept.env)) is None)
            )
        ):
            if count:
                detail = "What its instances are made of is gone or not accepted: revert that too."
                self._planner.conflict(path_of(key) or key, NotFound.code, detail)
            return
        target = ScaleTarget(revision=kept.revision, env=kept.env, count=count)
        step = yield from scale_to(self._planner, kept.app, kept.proctype, target, ())
        if step is not None:
            self.started += step.started
            self.stopped += step.stopped

    # What was not there

    def remove(self, key: str) -> Steps[None]:
        """It came later: it goes, where that is asked for, and all that is below it."""
        yield
        if self._planner.draft.get(key) is None:
            return
        path = path_of(key) or key
        if not _has_a_path(key, path):
            self._planner.conflict(
                path, WOULD_DELETE, "Another hand has put it there, under a key that no call can name."
            )
            return
        if not self._going.delete:
            self._planner.conflict(
                path, WOULD_DELETE, "It came later: say `delete: true` to have it removed."
            )
            return
        kind, _, rest = key.partition("/")
        names = rest.split(",")
        owner = keys.service(names[0]) if kind == "endpoint" else keys.app(names[0])
        if kind not in ("app", "service") and self._going.then.get(owner, self) is None:
            return  # it goes with that
        if self._planner.has_room(1):
            yield from self._planner.run(path, (), _REMOVE[kind], *names)


def _has_a_path(key: str, path: str) -> bool:
    """Whether the path names that key: what another hand has put there need not have one."""
    try:
        return key_of(path) == key
    except InvalidRequest:
        return False


_REMOVE: dict[str, Any] = {
    "app": apps.unregister,
    "envset": envsets.unregister,
    "revision": revisions.purge,
    "proctype": proctypes.unregister,
    "service": services.unregister,
    "endpoint": services.unregister_endpoint,
}


def _content(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in NO_FIELDS}
