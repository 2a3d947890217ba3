"""Turns the lines of an export into what is stored: each is checked by itself, as strictly as a request.
References are checked later, when the objects that they name are there: see `app.registry.imports`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from app.errors import BodyTooLarge, InvalidRequest
from app.models import codec, keys
from app.models.app import App, AppCreate
from app.models.base import Model, Resource, rfc3339
from app.models.envset import EnvSetCreate
from app.models.event import KINDS
from app.models.hosts import split_host_port
from app.models.instance import FINAL, Ended, Instance, Status
from app.models.member import Member, MemberSet
from app.models.paths import key_of
from app.models.proctype import ProctypeCreate
from app.models.revision import Revision, RevisionCreate, RevisionState
from app.models.runner import Runner, RunnerCreate
from app.models.scale import MAX_SCALE, ScaleRecord
from app.models.service import Endpoint, EndpointCreate, ServiceCreate, endpoint_id
from app.registry.members import check_addr
from app.registry.readable import key_of_resource

ORDER = (
    "app",
    "revision",
    "envset",
    "proctype",
    "scale",
    "service",
    "endpoint",
    "runner",
    "member",
    "instance",
)
"""Kinds in the order in which an export has them: what is named comes before what names it, but for heads."""

Pointer = Sequence[str | int]
"""Where in a line something is."""


@dataclass(frozen=True, slots=True)
class ImportEntry:
    """An object of a file, as it is to be kept under its key. `needs` are keys that have to be there then,
    `accepted` is that of a revision that has to be accepted. `head` is the revision that an app is to have
    as its head: `value` has none. `secrets` is how many it names."""

    key: str
    value: bytes
    line: int
    created_at: str
    updated_at: str
    needs: tuple[str, ...] = ()
    accepted: str | None = None
    head: str | None = None
    secrets: int = 0
    ttl: int | None = None
    status: Status | None = None

    @property
    def kind(self) -> str:
        return keys.kind_of(self.key)

    @property
    def ended(self) -> bool:
        """Whether it is what is kept of an instance that was unregistered."""
        return keys.is_ended(self.value)


# What a request may say of an object of these kinds, beside what the service adds.
_FROM_REQUESTS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "app": (AppCreate, ("name", "repo_url", "stack", "deploy_type", "env")),
    "revision": (RevisionCreate, ("ref", "archive_url")),
    "envset": (EnvSetCreate, ("ref", "vars")),
    "proctype": (ProctypeCreate, ("name", "limits")),
    "service": (ServiceCreate, ("name",)),
    "endpoint": (EndpointCreate, ("addr", "port", "ip", "priority", "weight", "target")),
    "runner": (RunnerCreate, ("addr", "instance_id")),
    "member": (MemberSet, ("version", "ttl")),
}

_TIMES = tuple(
    f"{name}_at" for name in ("created", "updated", "registered", "claimed", "started", "stopped", "ended")
)


def wrong(line: int, what: str, *pointer: str | int, kind: str = "value_error") -> InvalidRequest:
    """What is wrong with a line, at a place in it."""
    place = f" ({'.'.join(map(str, pointer))})" if pointer else ""
    entry = {"loc": ["body", line, *pointer], "msg": what, "type": kind}
    return InvalidRequest(f"Line {line}{place}: {what}.", errors=[entry], line=line)


def entry_of(line: int, parsed: Mapping[str, Any]) -> ImportEntry:
    """The entry that a line is, which is plain JSON. Raises InvalidRequest."""
    ended = "ended" in parsed
    if parsed.keys() - {"ended"} != {"path", "object"} or (ended and parsed["ended"] is not True):
        raise wrong(line, "a line has `path` and `object`, and `ended` where that is true, and nothing else")
    path, content = parsed["path"], parsed["object"]
    if not isinstance(path, str):
        raise wrong(line, "Input should be a valid string", "path", kind="string_type")
    if not isinstance(content, dict):
        raise wrong(line, "Input should be an object", "object", kind="dict_type")
    try:
        key = key_of(path, ["body", line, "path"])
    except InvalidRequest as error:
        raise wrong(line, error.members["errors"][0]["msg"], "path") from None
    kind = keys.kind_of(key)
    if kind not in KINDS or (ended and kind != "instance"):
        raise wrong(line, "is no path of an object that is imported", "path")
    resource = _validated(line, Ended if ended else KINDS[kind], content)
    if key_of_resource(kind, content) != key:
        raise wrong(line, f"is not the path of the object, which is {path[:200]} by it alone", "path")
    return _entry(line, key, kind, resource, content)


def _entry(line: int, key: str, kind: str, resource: Resource, content: dict[str, Any]) -> ImportEntry:
    _check_times(line, content)
    if kind in _FROM_REQUESTS:
        model, fields = _FROM_REQUESTS[kind]
        _validated(line, model, {name: content[name] for name in fields})
    _check(line, resource)
    head, secrets = None, 0
    if isinstance(resource, App):
        head, secrets = resource.head, len(resource.secrets)
    try:
        value = _kept(resource)
    except BodyTooLarge as error:
        raise wrong(line, error.detail.rstrip(".")) from None
    needs, accepted = _needs(kind, resource)
    return ImportEntry(
        key,
        value,
        line,
        rfc3339(resource.created_at),
        rfc3339(resource.updated_at),
        needs,
        accepted,
        head,
        secrets,
        resource.ttl if isinstance(resource, Member) else None,
        resource.status if isinstance(resource, Instance) else None,
    )


def _validated(line: int, model: type[Any], content: dict[str, Any]) -> Any:
    try:
        return model.model_validate_json(to_json(content))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        first, place = errors[0], ".".join(map(str, ("object", *errors[0]["loc"])))
        entries = [
            {"loc": ["body", line, "object", *each["loc"]], "msg": each["msg"], "type": each["type"]}
            for each in errors[:100]
        ]
        raise InvalidRequest(
            f"Line {line} ({place[:200]}): {first['msg']}.", errors=entries, line=line
        ) from None
    except (ValueError, OverflowError):
        raise wrong(line, "has a value that cannot be read", "object") from None


def _check_times(line: int, content: dict[str, Any]) -> None:
    """A time without a zone would be read as one of this machine's."""
    times: list[tuple[Pointer, Any]] = [((name,), content.get(name)) for name in _TIMES]
    times.append((("at",), content.get("at")))
    times += [(("claims", at, "at"), each["at"]) for at, each in enumerate(content.get("claims", ()))]
    if content.get("lock"):
        times.append((("lock", "at"), content["lock"]["at"]))
    for pointer, text in times:
        if text is not None and not text.endswith("Z"):
            raise wrong(line, "Input should be a time in UTC, with Z", "object", *pointer)


def _kept(resource: Resource) -> bytes:
    if not isinstance(resource, App):
        return codec.encode(resource)
    # A secret's rev is that of the commit that brings it.
    shown = {name: {"fingerprint": each.fingerprint} for name, each in resource.secrets.items()}
    bare = codec.encode(resource.model_copy(update={"head": None, "secrets": {}}))
    if not shown:
        return bare
    return codec.Encoded(b'{"secrets":' + to_json(shown) + b"," + bare[1:])


def _check(line: int, resource: Resource) -> None:
    """What fields say together."""
    match resource:
        case Instance():
            _check_instance(line, resource)
        case Revision():
            if (resource.state is RevisionState.ACCEPTED) != (resource.archive_url is not None):
                raise wrong(line, "an accepted revision has an archive, and no other", "object", "state")
        case ScaleRecord():
            if not 0 <= resource.target <= MAX_SCALE:
                raise wrong(line, f"should be 0 to {MAX_SCALE}", "object", "target")
        case Endpoint():
            if resource.id != endpoint_id(resource.addr, resource.port):
                raise wrong(line, "is not that of its addr and port", "object", "id")
        case Runner():
            parts = split_host_port(resource.addr)
            if parts is None or parts[0] != resource.host:
                raise wrong(line, "is not the host of its addr", "object", "host")
        case Member():
            try:
                check_addr(resource.kind, resource.addr)
            except InvalidRequest as error:
                raise wrong(line, error.members["errors"][0]["msg"], "object", "addr") from None


_PENDING_LACKS = ("host", "claim_rev", "claimed_at")
_HELD_HAS = ("host", "claim_rev", "claimed_at")
_RUNNING_HAS = (*_HELD_HAS, "hostname", "port", "started_at")
_HAS = {
    Status.CLAIMED: _HELD_HAS,
    Status.RUNNING: _RUNNING_HAS,
    Status.STOPPING: _HELD_HAS,
    **dict.fromkeys(FINAL, ("ended_at",)),
}


def _check_instance(line: int, instance: Instance) -> None:
    status = instance.status
    if instance.claim_rev == codec.THIS_REV:
        raise wrong(line, "Input should be greater than 0", "object", "claim_rev")
    for name in _HAS.get(status, ()):
        if getattr(instance, name) is None:
            raise wrong(line, f"is null, and the instance is {status}", "object", name)
    if status is Status.PENDING:
        for name in _PENDING_LACKS:
            if getattr(instance, name) is not None:
                raise wrong(line, "is not null, and the instance is pending", "object", name)


def _needs(kind: str, content: Any) -> tuple[tuple[str, ...], str | None]:
    """The keys that a resource names, as far as they have to be there; and, of a scale, its revision's."""
    match kind:
        case "revision" | "envset" | "proctype":
            return (keys.app(content.app),), None
        case "scale":
            return _made_of(content), keys.revision(content.app, content.revision)
        case "endpoint":
            return (keys.service(content.service),), None
        case "instance" if isinstance(content, Ended):
            return (keys.proctype(content.app, content.proctype),), None
        case "instance" if content.status not in FINAL:
            # The revision of one that is stopping may be purged already.
            revision = (keys.revision(content.app, content.revision),)
            return _made_of(content) + (revision if content.status is not Status.STOPPING else ()), None
    return (), None


def _made_of(content: Any) -> tuple[str, ...]:
    needs = (keys.app(content.app), keys.proctype(content.app, content.proctype))
    return needs if content.env is None else (*needs, keys.envset(content.app, content.env))
