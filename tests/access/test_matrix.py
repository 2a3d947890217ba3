"""Every operation of the document, as every role, on what is its own, another's, and not there: by the table.
Those that read the past are asked for it as well.

Own writes are tried with `dry_run`; those on what is another's are meant, and change nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from app.http.access_table import TABLE
from app.main import create_app
from app.models.grants import Role
from app.models.token import new_id, new_token
from app.settings import Settings
from tests.access.holders import Holder, closed_service, give, grant
from tests.http.every_route import BODIES, accepting
from tests.openapi.documented import Document
from tests.serving import Service

CANARY = "canary-in-the-coal-mine"

_DOCUMENT = Document(create_app(Settings(store="memory:")).api.openapi())
OPERATIONS = _DOCUMENT.operations
TRIED = {
    f"{method} {path}"
    for method, path, operation in OPERATIONS.values()
    if any(_DOCUMENT.resolve(one)["name"] == "dry_run" for one in operation.get("parameters", ()))
}
"""Those that take `dry_run`."""

PAST = {
    name: "from=1&to={rev}" if name == "get_diff" else "rev=0" if "events" in name else "rev={rev}"
    for name, (method, _, operation) in OPERATIONS.items()
    if method == "get"
    and {"rev", "to"}
    & {one["name"] for one in map(_DOCUMENT.resolve, operation.get("parameters", ())) if one["in"] == "query"}
}
"""Those that take a rev, and how they are asked for what was at one, or for all events until now."""
PAST["list_commits"] = "to={rev}"

QUERIES = {"unregister_instances": "status=lost", "get_diff": "from=1"}
"""What an operation has to be asked with."""


@dataclass(frozen=True)
class World:
    """The names of what belongs to somebody."""

    app: str
    id: int
    host: str
    service: str

    def names(self, template: str) -> dict[str, str]:
        addr = f"{self.host}:9000" if template.startswith("/runners") else self.host
        endpoint = f"{self.host.replace('.', '-')}-11211"
        return {
            "app": self.app,
            "id": endpoint if template.startswith("/services") else str(self.id),
            "service": self.service,
            "addr": addr,
            "ref": "128af9",
            "proctype": "web",
            "key": "cow",
            "kind": "pms",
            "code": "not-found",
            "rev": "2",
            "name": "index.html",
        }

    def body(self, method: str, template: str) -> Any:
        """As the suites of every route have it, of these names."""
        if template == "/instances/{id}/env":
            return {"host": self.host, "claim_rev": 1}
        body = BODIES.get((method, template))
        if not isinstance(body, dict):
            return body
        said = {**body}
        for field, value in (("app", self.app), ("host", self.host)):
            if field in said:
                said[field] = value
        match template:
            case "/apps":
                said["name"] = self.app
            case "/apply":
                said["apps"] = [{**said["apps"][0], "name": self.app}]
            case "/services":
                said["name"] = self.service
            case "/runners":
                said["addr"], said["instance_id"] = f"{self.host}:9000", self.id
            case "/services/{service}/endpoints":
                said["addr"] = said["ip"] = self.host
        return said


MINE, ABSENT = World("cat", 0, "10.0.0.7", "memcached"), World("nix", 999, "10.0.0.9", "no-such")

GRANTS = {
    Role.VIEWER: grant("viewer", apps=["cat"]),
    Role.DEPLOYER: grant("deployer", apps=["cat"]),
    Role.OPERATOR: grant("operator"),
    Role.HOST: grant("host", hosts=["10.0.0.7"]),
    Role.REGISTRAR: grant("registrar", services=["memcached"]),
    Role.AUDITOR: grant("auditor"),
    Role.ADMIN: grant("admin"),
    Role.SECRET_READER: grant("secret-reader", apps=["cat"]),
}
WHOLE = {Role.OPERATOR, Role.AUDITOR, Role.ADMIN}


def fill(service: Service, host: Holder, world: World) -> World:
    """One of everything, as every route's session has it, with a canary in what is the other's."""
    theirs = CANARY if world.app == "dog" else "nothing"
    service.runnable(world.app)
    app = f"/apps/{world.app}"
    service.patch(app, {"repo_url": f"https://git.example.com/{theirs}.git", "stack": theirs})
    service.patch(f"{app}/env", {"cow": theirs})
    service.made(f"{app}/envs", {"ref": "128af9", "vars": {"DB": theirs}})
    id = service.ticket(world.app, env="128af9")
    assert host.ask("POST", f"/instances/{id}/claim", {"host": world.host}).status_code == 200
    service.put(f"/instances/{id}/lock", {"client": theirs, "reason": theirs})
    service.made("/services", {"name": world.service})
    service.made(f"/services/{world.service}/endpoints", {"addr": world.host, "port": 11211})
    service.made("/runners", {"addr": f"{world.host}:9000", "instance_id": id})
    service.put(f"/members/pms/{world.host}", {"version": theirs})
    return World(world.app, id, world.host, world.service)


@dataclass(frozen=True)
class Registry:
    service: Service
    mine: World
    theirs: World
    holders: dict[Role, Holder]
    past: int
    """A rev with one of everything, as it was before it was changed."""


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with closed_service() as service:
        host = give(service, grant("host", hosts=["*"]))
        mine = fill(service, host, MINE)
        theirs = fill(service, host, World("dog", 0, "10.0.0.8", "redis"))
        holders = {role: give(service, one, name=role.value) for role, one in GRANTS.items()}
        past = service.rev
        for world in (mine, theirs):
            service.patch(f"/apps/{world.app}/env", {"cow": "as it is now"})
        yield Registry(service, mine, theirs, holders, past)


def ask(
    holder: Holder, name: str, world: World, *, dry: bool = False, head: bool = False, past: int | None = None
) -> httpx2.Response:
    """What an operation answers; with `past`, of what was at that rev."""
    method, template, _ = OPERATIONS[name]
    query = [QUERIES[name]] if name in QUERIES else []
    if past is not None:
        query = [PAST[name].format(rev=past)]
    if dry and f"{method} {template}" in TRIED:
        query.append("dry_run=true")
    path = template.format(**world.names(template)) + ("?" + "&".join(query) if query else "")
    body = world.body(method.upper(), template)
    return holder.ask("HEAD" if head else method.upper(), path, body, headers=accepting(template))


def code(answer: httpx2.Response) -> str:
    return str(answer.json()["code"]) if answer.status_code >= 400 else ""


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_without_a_token_only_what_is_open_is_answered(registry: Registry, name: str) -> None:
    nobody = Holder(registry.service, "", new_token(new_id()))
    refused = code(ask(nobody, name, registry.mine)) == "unauthenticated"
    assert refused == (not TABLE[name].open)
    if OPERATIONS[name][0] == "get":
        assert (ask(nobody, name, registry.mine, head=True).status_code == 401) == refused


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_role_may_do_what_its_row_says(registry: Registry, name: str) -> None:
    for role in Role:
        check(registry, name, role)


@pytest.mark.parametrize("name", sorted(PAST))
def test_the_past_is_shown_to_every_role_as_its_row_says(registry: Registry, name: str) -> None:
    """By the grants of now: what is another's is there no more than what never was."""
    for role in Role:
        check_past(registry, name, role)


def check_past(registry: Registry, name: str, role: Role) -> None:
    row, holder, past = TABLE[name], registry.holders[role], registry.past
    allowed = role in row.all or role in row.own
    own = ask(holder, name, registry.mine, past=past)
    foreign = ask(holder, name, registry.theirs, past=past)
    assert (code(own) == "forbidden") == (not allowed), (role, own.text)
    assert own.status_code == ask(holder, name, registry.mine).status_code, (role, own.text)
    if own.status_code == 200 and PAST[name] == "rev={rev}":
        assert own.headers["Visor-Rev"] == str(past)
        assert "as it is now" not in own.text
    head = ask(holder, name, registry.theirs, head=True, past=past)
    assert (head.status_code, head.content) == (foreign.status_code, b"")
    if role in WHOLE:
        assert (code(foreign) == "forbidden") == (not allowed), (role, foreign.text)
        return
    assert CANARY not in own.text + foreign.text
    if "events" in name and role is Role.HOST:
        return  # It was told of every ticket that waited for a host, whichever app it is of.
    if "{" in OPERATIONS[name][1] and (name not in READS_OF_SERVICES or role not in row.all):
        assert told(foreign, registry.theirs) == told(ask(holder, name, ABSENT, past=past), ABSENT), role


def check(registry: Registry, name: str, role: Role) -> None:
    row, holder = TABLE[name], registry.holders[role]
    allowed = row.open or role in row.all or role in row.own
    rev = registry.service.rev
    own = ask(holder, name, registry.mine, dry=True)
    assert (code(own) == "forbidden") == (not allowed), (role, own.text)
    assert own.status_code < 500
    foreign = ask(holder, name, registry.theirs, dry=role in WHOLE)
    absent = ask(holder, name, ABSENT, dry=True)
    if OPERATIONS[name][0] == "get":
        head = ask(holder, name, registry.theirs, head=True)
        assert (head.status_code, head.content) == (foreign.status_code, b"")
    if role in WHOLE:
        assert (code(foreign) == "forbidden") == (not allowed), (role, foreign.text)
        return
    assert CANARY not in own.text + foreign.text
    # A commit may say which tokens were used; it is no event.
    assert registry.service.get(f"/events/list?rev={rev}").json()["items"] == [], "something was changed"
    method, template, _ = OPERATIONS[name]
    names_it = "{" in template or method != "get"
    if names_it and (name not in READS_OF_SERVICES or role not in row.all):
        assert told(foreign, registry.theirs) == told(absent, ABSENT), role


READS_OF_SERVICES = {"list_services", "get_service", "list_endpoints", "get_endpoint"}
"""What is everybody's to see but for registrars: who looks up an address is not asked which app it is for."""


def told(answer: httpx2.Response, world: World) -> tuple[int, str]:
    """The answer, but for the names that were asked for."""
    text = answer.text
    names = (world.app, world.host.replace(".", "-"), world.host, world.service, str(world.id))
    for number, name in enumerate(names[:4]):
        text = text.replace(name, f"<{number}>")
    return answer.status_code, text.replace(f"instance {world.id} ", "instance <id> ")
