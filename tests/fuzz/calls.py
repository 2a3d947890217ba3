"""What Schemathesis is told of Visor, loaded into its process: which names are known, how long a call may
wait, how a stream is read; and a line for every call it makes."""

import atexit
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any
from urllib.parse import quote

import requests
import schemathesis
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.openapi.checks import MissingHeaderNotRejected, RejectedPositiveData

from app.models.grants import Role
from tests.fuzz.asked_again import Again
from tests.fuzz.busy_registry import Ticket, fill
from tests.fuzz.schema_run import TOKEN_ID
from tests.fuzz.two_tenants import HIDDEN, Other
from tests.http.every_route import HOST
from tests.openapi.documented import Document
from tests.sse.sse_reader import parse

URL = os.environ["VISOR_FUZZ_URL"]
WAITS = {str(seconds) for seconds in range(1, 61)}
WEAR = 150
"""Calls after which the registry is made whole again."""

STREAM = "text/event-stream"

_session = requests.Session()
_session.headers["Authorization"] = f"Bearer {os.environ['VISOR_FUZZ_TOKEN']}"
_roles: dict[str, str] = json.loads(os.environ.get("VISOR_FUZZ_ROLES", "{}"))
"""Tokens by the name of their role; where there are any, each call is made with one of them."""
_chance = Random(os.environ["VISOR_FUZZ_SEED"])
_again = Again(URL, _roles, Other.of(os.environ["VISOR_FUZZ_OTHER"]), _chance) if _roles else None
_tickets: dict[str, list[Ticket]] = {}
_calls = 0
_messages: Draft202012Validator
_log = open(os.environ["VISOR_FUZZ_CALLS"], "a")  # noqa: SIM115 - for as long as the process
atexit.register(_log.close)


def _ask(method: str, path: str, body: Any) -> Any:
    if path.startswith("/instances/") and path.rpartition("/")[2] in ("start", "exit", "fail"):
        # A host has to say by which claim it speaks.
        shown = _session.get(f"{URL}/instances/{path.split('/')[2]}", timeout=30)
        body = {**body, "claim_rev": shown.json().get("claim_rev")}
    answer = _session.request(method, URL + path, json=body, timeout=30)
    return answer.json() if answer.ok else None


def _refill() -> None:
    for state, ticket in fill(_ask).items():
        # The newest is in the state, most of the time; older ones have seen more.
        _tickets[state] = [ticket, ticket, ticket, *_tickets.get(state, [])][:9]


@schemathesis.serializer("application/x-ndjson")
def _lines(context: Any, value: Any) -> bytes:
    """A file to be imported, which the schema knows as a text."""
    return value if isinstance(value, bytes) else str(value).encode()


def _phase(case: schemathesis.Case) -> str:
    return case.meta.phase.name.value if case.meta else "none"


NEEDS = {
    "POST /instances/{id}/claim": "pending",
    "POST /instances/{id}/unclaim": "claimed",
    "POST /instances/{id}/start": "claimed",
    "POST /instances/{id}/stop": "running",
    "POST /instances/{id}/restart": "running",
    "POST /instances/{id}/exit": "running",
    "POST /instances/{id}/fail": "running",
    "DELETE /instances/{id}/lock": "locked",
}
"""The state in which an instance takes a call."""

TOLD_BY_HOSTS = ("/unclaim", "/start", "/restart", "/exit", "/fail", "/env")
"""Calls that carry the token of the claim."""


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    # It holds each event of a stream against what OpenAPI 3.1 can say of the stream as a whole: a string.
    # What the events have to be is checked below.
    for path in ("/events", "/apps/{app}/events"):
        content = raw_schema["paths"][path]["get"]["responses"]["200"]["content"]
        content[STREAM] = {"schema": {}}
    # It makes headers of letters and digits alone, unless it knows their format.
    for name in ("If-Match", "If-None-Match"):
        raw_schema["components"]["parameters"][f"header.{name}"]["schema"]["format"] = "entity-tags"
    # What a client has to take from a later version, this one does not send.
    raw_schema["components"] = Document(raw_schema).strict
    global _messages
    schema = {"$ref": "#/components/schemas/StreamMessage", "components": raw_schema["components"]}
    _messages = Draft202012Validator(schema)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    global _calls
    phase = _phase(case)
    if _calls == 0 or (phase != "stateful" and _calls % WEAR == 0):
        _refill()
    _calls += 1
    if _roles:
        role = _chance.choice(sorted(_roles))
        case.headers["Authorization"] = f"Bearer {_roles[role]}"
    if phase != "coverage" and case.meta is not None and case.meta.generation.mode.is_positive:
        _reach_further(case)
    for place in (case.query, case.body):
        # A wait is one of the things to get wrong; to wait a minute for each is not.
        wait = place.get("wait") if isinstance(place, dict) else None
        if wait in range(1, 61) or (place is case.query and isinstance(wait, str) and wait in WAITS):
            place["wait"] = int(_chance.random() < 0.05)
    if case.path.endswith("/endpoints") and isinstance(case.body, dict):
        # Names are resolved by this machine; random ones by whoever is asked for it.
        case.body["ip"] = case.body.get("ip") or "10.0.0.9"
    if case.path.endswith("/events"):
        case.headers["Accept"] = STREAM
    if case.method != "GET" and case.path_parameters.get("id") == TOKEN_ID:
        # A walk has found it in the list: without it nothing more would be seen.
        case.path_parameters["id"] = TOKEN_ID[::-1]


def _reach_further(case: schemathesis.Case) -> None:
    """Ids that somebody has, and not always a precondition or a key: most would not hold, or be another's."""
    id = case.path_parameters.get("id")
    if case.path.startswith("/instances/{id}") and isinstance(id, int) and id > 0:
        state = NEEDS.get(f"{case.method} {case.path}")
        if state is None or _chance.random() < 0.2:
            state = _chance.choice(sorted(_tickets))
        ticket = _chance.choice(_tickets[state])
        case.path_parameters["id"] = ticket.id
        if isinstance(case.body, dict) and _chance.random() < 0.7:
            if "host" in case.body:
                case.body["host"] = HOST
            if state != "pending" and case.path.endswith(TOLD_BY_HOSTS) and ticket.claim_rev is not None:
                case.body["claim_rev"] = ticket.claim_rev
    for name in ("If-Match", "If-None-Match", "Idempotency-Key"):
        if _chance.random() < 0.7:
            case.headers.pop(name, None)


@schemathesis.hook
def after_call(
    context: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response
) -> None:
    line = {
        "operation": case.operation.label,
        "role": _role_of(response),
        "phase": _phase(case),
        "status": response.status_code,
        "seconds": response.elapsed,
    }
    _log.write(json.dumps(line) + "\n")


def _role_of(response: schemathesis.Response) -> str | None:
    """Whose token the call was made with, where there are several."""
    sent = response.request.headers.get("Authorization", "")
    return next((role for role, token in _roles.items() if token in sent), None)


@schemathesis.check
def nothing_foreign_is_shown(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """No byte of the other tenant's, in whatever answer, for a role that may not see it."""
    role = _role_of(response)
    for canary in HIDDEN[Role(role)] if role else ():
        told = response.content.decode("latin-1") + str(response.headers)
        assert canary not in told, f"as {role}: {told[max(0, told.index(canary) - 200) :][:500]}"
    if _again is not None:
        _again.look(case.path, {one.name for one in case.operation.query}, response.request)


NOT_OF_THE_FORM = {
    "rev-in-future",
    "invalid-cursor",
    "rev-mismatch",
    "rev-compacted",
    "idempotency-key-reused",
    "time-in-future",
    "time-unsettled",
}
"""Refusals of a request that is well formed: what it names is not there, or not so."""

NOT_IN_THE_SCHEMA = {
    ("body", "app"): "has to be registered",
    ("body", "revision"): "has to be registered",
    ("body", "proctype"): "has to be registered",
    ("body", "env"): "has to be registered",
    ("body", "head"): "has to be registered",
    ("path", "addr"): "loggers take a port, the others none",
    ("query", "wait"): "not with rev: the past does not change",
    ("query", "snapshot"): "not with Accept: application/json",
    ("query", "at"): "not with rev: they are two ways to say it",
    ("query", "path"): "has to be the path of a resource, as in /apps/rocket",
    ("body", "path"): "has to be the path of what is declared: instances do not go back",
    ("query", "service"): "names endpoints: not with app, proctype or port",
}
"""What a 422 says of the parts of a request together, or of the registry; no schema of a field can."""


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Exception,
    case: schemathesis.Case,
    response: schemathesis.Response,
) -> bool:
    """False where a request that fits the schema was refused for what no schema can say."""
    if isinstance(failure, MissingHeaderNotRejected):
        # What cannot be read is refused before who asks is looked at.
        return bool(response.status_code != 422)
    if not isinstance(failure, RejectedPositiveData):
        return True
    if case.path == "/import":
        return False  # to the schema its body is a text: what the lines are is in no schema
    problem = json.loads(response.content)
    if problem["code"] in NOT_OF_THE_FORM:
        return False
    return not all(_is_no_matter_of_schema(error) for error in problem.get("errors", [{}]))


def _is_no_matter_of_schema(error: dict[str, Any]) -> bool:
    if error.get("type") == "int_type":
        # JSON Schema takes 3.0 for an integer; Visor takes digits.
        return "valid integer" in error["msg"]
    if error.get("type") == "event_type":
        # The schema says how a type is spelt, not which there are: a later version has more.
        return True
    if error.get("type") == "grant" or error.get("loc", [""])[-1] == "role":
        # Each role takes patterns of its own; which there are is told in words: a later version has more.
        return True
    if error.get("loc", [""])[-1] in ("at", "from", "from_at", "to_at", "to_rev"):
        # A rev or a time, one of them, and a time that there is: the schema says how each is spelt.
        return True
    if error.get("type") == "missing" and error["loc"] in (["body", "sha256"], ["body", "claim_rev"]):
        # A token that is changed keeps the secret that it has; one that is made has none yet. A host has to
        # name its claim, others need not.
        return True
    if error.get("type") == "value_error" and error["loc"][1:2] in (["apps"], ["services"]):
        # Of a document: what does not go together, and what is named twice.
        return True
    return error.get("type") == "value_error" and tuple(error["loc"]) in NOT_IN_THE_SCHEMA


_label = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,10}[A-Za-z0-9_])?", fullmatch=True)
_top = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}[A-Za-z]", fullmatch=True)
_ip = st.ip_addresses().map(str)
_host = _ip | st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(_label, max_size=3), _top)
_host_port = st.builds(
    lambda host, port: f"[{host}]:{port}" if ":" in host else f"{host}:{port}", _host, st.integers(1, 65535)
)
_paths = st.sampled_from(
    [
        *("/", "/apps", "/apps/cat", "/apps/cat/env", "/apps/cat/env/cow", "/apps/rocket", "/apps/nobody"),
        *("/apps/cat/revisions", "/apps/cat/revisions/128af9", "/apps/cat/envs/128af9", "/services"),
        *("/apps/cat/proctypes/web", "/apps/cat/proctypes/web/scale/128af9", "/apps/cat/instances"),
        *("/services/memcached", "/services/memcached/endpoints/10-0-0-7-11211", "/instances/1", "/runners"),
        *("/members/pms/10.0.0.7", "/members", "/schema"),
    ]
)
_BEGUN = datetime.now(UTC)
_times = st.builds(
    lambda number, unit: f"-{number}{unit}", st.integers(0, 90), st.sampled_from("smhd")
) | st.builds(
    lambda ago, zone, separator: (_BEGUN + timedelta(seconds=ago)).astimezone(zone).isoformat(separator),
    st.integers(-10, 30) | st.integers(-(10**9), 10**9),
    st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))]),
    st.sampled_from("Tt"),
)
"""Mostly moments of the run itself, of which something can be told."""
_tags = st.from_regex(r'\*|((W/)?"[!#-~]{0,9}", ?){0,3}(W/)?"[0-9]{1,4}"', fullmatch=True)
_reasons = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)
for _name, _strategy in {
    "visor-reason": _reasons.map(quote),
    "visor-path": _paths,
    "host-pattern": st.sampled_from(["10.0.0.7", "box7.example.com", "10.0.*", "box*", "*"]),
    "visor-time": _times,
    "entity-tags": _tags,
    "ip": _ip,
    "host": _host,
    "host-port": _host_port,
    "host-maybe-port": _host | _host_port,
}.items():
    schemathesis.openapi.format(_name, _strategy)


@schemathesis.check
def frames_are_well_formed(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A stream, as far as it was read, is whole frames, and their data are messages of the schema."""
    if not response.headers.get("content-type", [""])[0].startswith(STREAM):
        return
    for raw in response.content.split(b"\n\n")[:-1]:
        frame = parse(raw)
        if frame.data is not None:
            _messages.validate(frame.said)
            assert frame.event == frame.said["type"], raw


@schemathesis.check
def every_answer_has_a_rev(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Errors too, those of no path too."""
    assert response.headers.get("visor-rev", [""])[0].isdigit(), response.headers
