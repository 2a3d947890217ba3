"""Applies a document: runs the rules of the single calls one after the other, as one change.

The order is that of what they need: app, env sets, revisions, proctypes, head, scale, services, endpoints;
then what is removed, the other way round. So the order in the document does not matter.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import MISSING

from app.errors import AlreadyExists, InvalidState, RequestError
from app.models import keys
from app.models.app import App, AppCreate, AppPatch
from app.models.base import given_text
from app.models.document import (
    AppEntry,
    AppList,
    Document,
    EndpointEntry,
    EnvSetEntry,
    ProctypeEntry,
    RevisionEntry,
    ScaleEntry,
    ServiceEntry,
)
from app.models.envset import EnvSet, EnvSetCreate
from app.models.paths import path_of
from app.models.proctype import LimitsCreate, ProctypeCreate, ProctypePatch
from app.models.revision import Ratification, Revision, RevisionCreate, RevisionState
from app.models.scale import ScaleTarget
from app.models.service import Endpoint, EndpointCreate, ServiceCreate, endpoint_id
from app.registry import apps, env, envsets, proctypes, revisions, services
from app.registry.document_check import check_document
from app.registry.plan import plan
from app.registry.planned_scale import scale_to
from app.registry.planner import Planner, Pointer
from app.registry.state import find
from app.store.contract import Changes, Snapshot
from app.store.snapshots import scan
from app.store.steps import Steps

Addresses = Mapping[str, str | RequestError]
"""What names of endpoints have resolved to, or why they did not."""


# what the document names:
# - app/, envset/, revision/, proctype/, scale/, instance/, service/, endpoint/ (as they are)
# + the same (as they are to be)
def apply(snapshot: Snapshot, at: datetime, document: Document, addresses: Addresses) -> Steps[Changes]:
    """The changes, whose `result` is a CommitPlan, made in steps. Raises InvalidRequest with all that is
    wrong in the document, Conflict with all that the registry does not allow, TooManyChanges, RevMismatch
    where the document names another plan."""
    planner = Planner(snapshot, at)
    check_document(planner, document)
    planner.check()
    applying = _Applying(planner, addresses)
    for number, app in enumerate(document.apps):
        if not app.absent:
            yield from applying.app(app, ("apps", number))
    for number, service in enumerate(document.services):
        if not service.absent:
            yield from applying.service(service, ("services", number))
    yield from applying.remove(document)
    wanted = given_text(document.plan)
    return (yield from plan(planner, wanted, applying.started, applying.stopped))


class _Applying:
    """Takes in the entries of a document, one after the other."""

    def __init__(self, planner: Planner, addresses: Addresses) -> None:
        self._planner = planner
        self._addresses = addresses
        self.started: list[int] = []
        self.stopped: list[int] = []

    # Apps

    def app(self, entry: AppEntry, place: Pointer) -> Steps[None]:
        if not (yield from self._app_itself(entry, place)):
            return
        for number, item in enumerate(entry.env_sets):
            if not item.absent:
                yield from self._envset(entry.name, item, (*place, "env_sets", number))
        for number, revision in enumerate(entry.revisions):
            if not revision.absent:
                yield from self._revision(entry.name, revision, (*place, "revisions", number))
        for number, proctype in enumerate(entry.proctypes):
            if not proctype.absent:
                yield from self._proctype(entry.name, proctype, (*place, "proctypes", number))
        if entry.head is not MISSING:
            yield from self._head(entry.name, entry.head, place)
        for number, proctype in enumerate(entry.proctypes):
            for at, target in enumerate(proctype.scale):
                if not proctype.absent:
                    inside = (*place, "proctypes", number, "scale", at)
                    yield from self._scale(entry.name, proctype.name, target, inside)

    def _app_itself(self, entry: AppEntry, place: Pointer) -> Steps[bool]:
        """Whether the app is there, with what is said of itself but the head."""
        path = f"/apps/{entry.name}"
        fields = {
            name: value
            for name in ("repo_url", "stack", "deploy_type")
            if (value := getattr(entry, name)) is not MISSING
        }
        variables = {} if entry.env is MISSING else dict(entry.env)
        there = find(self._planner.draft, keys.app(entry.name), App)
        if there is None:
            missing = [name for name in ("repo_url", "stack") if name not in fields]
            for name in missing:
                self._planner.invalid((*place, name), "Field required: the app is new", "missing")
            if missing:
                return False
            first = {key: value for key, value in variables.items() if value is not None}
            if fields.get("deploy_type", "") is None:
                del fields["deploy_type"]
            body = AppCreate(name=entry.name, env=first, **fields)
            return (yield from self._planner.run(path, place, apps.register, body)) is not None
        if AppList.ENV in entry.exact:
            variables = {**{key: None for key in there.env if key not in variables}, **variables}
        changed = yield from self._run_app(entry.name, place, AppPatch(**fields))
        set_ = yield from self._planner.run(path, (*place, "env"), env.patch, entry.name, variables)
        return changed and set_ is not None

    def _head(self, app: str, head: str | None, place: Pointer) -> Steps[None]:
        named = head and find(self._planner.draft, keys.revision(app, head), Revision)
        changed = yield from self._run_app(app, place, AppPatch(head=head))
        if changed and named and named.state is RevisionState.PROPOSED:
            self._planner.warnings.append(
                f"/apps/{app}: its head {head} is only proposed, and cannot be run."
            )

    def _run_app(self, name: str, place: Pointer, body: AppPatch) -> Steps[bool]:
        changes = yield from self._planner.run(f"/apps/{name}", place, apps.patch, name, body)
        return changes is not None

    def _envset(self, app: str, entry: EnvSetEntry, place: Pointer) -> Steps[None]:
        yield
        path = f"/apps/{app}/envs/{entry.ref}"
        there = find(self._planner.draft, keys.envset(app, entry.ref), EnvSet)
        if there is None:
            vars = {} if entry.vars is MISSING else entry.vars
            yield from self._planner.run(
                path, place, envsets.register, app, EnvSetCreate(ref=entry.ref, vars=vars)
            )
        elif entry.vars is not MISSING and entry.vars != there.vars:
            self._planner.conflict(
                path, AlreadyExists.code, "It has other variables, and never changes: take another ref."
            )

    def _revision(self, app: str, entry: RevisionEntry, place: Pointer) -> Steps[None]:
        yield
        path = f"/apps/{app}/revisions/{entry.ref}"
        there = find(self._planner.draft, keys.revision(app, entry.ref), Revision)
        archive = given_text(entry.archive_url)
        if there is None:
            body = RevisionCreate(ref=entry.ref, archive_url=archive)
            yield from self._planner.run(path, place, revisions.register, app, body)
        elif archive is None or archive == there.archive_url:
            return
        elif there.state is RevisionState.PROPOSED:
            ratified = Ratification(archive_url=archive)
            yield from self._planner.run(path, place, revisions.ratify, app, entry.ref, ratified)
        else:
            self._planner.conflict(
                path, InvalidState.code, "It is accepted with another archive, and never changes."
            )

    def _proctype(self, app: str, entry: ProctypeEntry, place: Pointer) -> Steps[None]:
        yield
        path = f"/apps/{app}/proctypes/{entry.name}"
        if self._planner.draft.get(keys.proctype(app, entry.name)) is None:
            limits = entry.limits
            memory = None
            if limits is not MISSING and limits is not None and limits.memory_limit_mb is not MISSING:
                memory = limits.memory_limit_mb
            body = ProctypeCreate(name=entry.name, limits=LimitsCreate(memory_limit_mb=memory))
            yield from self._planner.run(path, place, proctypes.register, app, body)
        elif entry.limits is not MISSING:
            patch = ProctypePatch(limits=entry.limits)
            yield from self._planner.run(path, place, proctypes.patch, app, entry.name, patch)

    def _scale(self, app: str, proctype: str, entry: ScaleEntry, place: Pointer) -> Steps[None]:
        yield
        target = ScaleTarget(revision=entry.revision, env=entry.env, count=entry.count)
        done = yield from scale_to(self._planner, app, proctype, target, place)
        if done is not None:
            self.started += done.started
            self.stopped += done.stopped

    # Services

    def service(self, entry: ServiceEntry, place: Pointer) -> Steps[None]:
        if self._planner.draft.get(keys.service(entry.name)) is None:
            body = ServiceCreate(name=entry.name)
            made = yield from self._planner.run(f"/services/{entry.name}", place, services.register, body)
            if made is None:
                return
        for number, endpoint in enumerate(entry.endpoints):
            if not endpoint.absent:
                yield from self._endpoint(entry.name, endpoint, (*place, "endpoints", number))

    def _endpoint(self, service: str, entry: EndpointEntry, place: Pointer) -> Steps[None]:
        yield
        id = endpoint_id(entry.addr, entry.port)
        path = f"/services/{service}/endpoints/{id}"
        there = find(self._planner.draft, keys.endpoint(service, id), Endpoint)
        given = {
            name: value
            for name in ("priority", "weight", "target")
            if (value := getattr(entry, name)) is not MISSING
        }
        own = given_text(entry.ip)
        if there is None:
            body = EndpointCreate(addr=entry.addr, port=entry.port, ip=own, **given)
            ip = own or self._addresses[entry.addr]
            yield from self._planner.run(path, place, services.register_endpoint, service, body, ip)
        elif any(getattr(there, name) != value for name, value in given.items()) or own not in (
            None,
            there.ip,
        ):
            self._planner.conflict(
                path, AlreadyExists.code, "It is registered otherwise, and never changes: remove it first."
            )

    # Removals

    def remove(self, document: Document) -> Steps[None]:
        """What is absent, and what an exact list does not name: from the last that is needed to the first."""
        for number, service in enumerate(document.services):
            yield from self._remove_of_service(service, ("services", number))
        for number, app in enumerate(document.apps):
            place = ("apps", number)
            if app.absent:
                if self._planner.draft.get(keys.app(app.name)) is not None:
                    yield from self._planner.run(f"/apps/{app.name}", place, apps.unregister, app.name)
            else:
                yield from self._remove_of_app(app, place)

    def _remove_of_service(self, entry: ServiceEntry, place: Pointer) -> Steps[None]:
        key = keys.service(entry.name)
        if entry.absent:
            if self._planner.draft.get(key) is not None:
                yield from self._planner.run(path_of(key) or "", place, services.unregister, entry.name)
            return
        named = {
            endpoint_id(endpoint.addr, endpoint.port) for endpoint in entry.endpoints if not endpoint.absent
        }
        gone = [endpoint_id(endpoint.addr, endpoint.port) for endpoint in entry.endpoints if endpoint.absent]
        if entry.exact:
            gone += self._unnamed(keys.endpoints_of(entry.name), named | set(gone))
        for id in gone:
            yield from self._remove(
                keys.endpoint(entry.name, id), place, services.unregister_endpoint, entry.name, id
            )

    def _remove_of_app(self, entry: AppEntry, place: Pointer) -> Steps[None]:
        for listed, entries, term, key, rule in (
            (AppList.PROCTYPES, entry.proctypes, keys.proctypes_of, keys.proctype, proctypes.unregister),
            (AppList.REVISIONS, entry.revisions, keys.revisions_of, keys.revision, revisions.purge),
            (AppList.ENV_SETS, entry.env_sets, keys.envsets_of, keys.envset, envsets.unregister),
        ):
            names = {_name(item): item.absent for item in entries}
            gone = [name for name, absent in names.items() if absent]
            if listed in entry.exact:
                gone += self._unnamed(term(entry.name), names.keys())
            for name in gone:
                yield from self._remove(key(entry.name, name), place, rule, entry.name, name)

    def _unnamed(self, term: str, named: Iterable[str]) -> list[str]:
        """The names of what is there and not named. More than fit into a commit are not looked for."""
        known = set(named)
        records = scan(self._planner.draft, term)
        return [name for record in records if (name := record.key.removeprefix(term)) not in known]

    def _remove(self, key: str, place: Pointer, rule: Any, *names: str) -> Steps[None]:
        yield
        if self._planner.draft.get(key) is not None and self._planner.has_room(1):
            yield from self._planner.run(path_of(key) or key, place, rule, *names)


def _name(entry: Any) -> str:
    name: str = entry.name if isinstance(entry, ProctypeEntry) else entry.ref
    return name
