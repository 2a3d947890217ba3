"""A token for each role, and another tenant beside them, with a canary in every field."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from app.models.grants import Role
from tests.access.holders import give, grant
from tests.fuzz.busy_registry import TICKET
from tests.serving import APP, Service

CANARY = "canaryq7x"
"""In what the other tenant keeps in its objects: values, addresses, reasons, whoever made them."""

TICKET_NAME = "ticketq7x"
"""The names in its instances, and of those who worked on them: a host sees what has been pending."""

LOOKED_UP = "lookedupq7x"
"""In its services and endpoints, which most may look up. Registrars may not."""

_OWN = ["cat", "dog", "rocket"]
GRANTS: dict[Role, dict[str, Any]] = {
    Role.VIEWER: grant("viewer", apps=_OWN),
    Role.DEPLOYER: grant("deployer", apps=_OWN),
    Role.OPERATOR: grant("operator"),
    Role.HOST: grant("host", hosts=["10.0.0.7", "10.0.0.8", "box7.example.com"]),
    Role.REGISTRAR: grant("registrar", services=["memcached", "db"]),
    Role.AUDITOR: grant("auditor"),
    Role.ADMIN: grant("admin"),
    Role.SECRET_READER: grant("secret-reader", apps=_OWN),
}
HIDDEN: dict[Role, list[str]] = {
    Role.VIEWER: [CANARY, TICKET_NAME],
    Role.DEPLOYER: [CANARY, TICKET_NAME],
    Role.OPERATOR: [],
    Role.HOST: [CANARY],
    Role.REGISTRAR: [CANARY, TICKET_NAME, LOOKED_UP],
    Role.AUDITOR: [],
    Role.ADMIN: [],
    Role.SECRET_READER: [CANARY, TICKET_NAME, LOOKED_UP],
}
"""What each role must not be shown. Those that see everything see that too."""

SEE_ALL = {role.value for role, hidden in HIDDEN.items() if not hidden} | {"fuzz"}
"""The names of tokens to which nothing is foreign."""


@dataclass(frozen=True)
class Other:
    """What can be asked for of the other tenant's. `ids` are its instances, the last is alive; `revs` are
    those of its commits, all of them after `since`."""

    ids: list[int]
    revs: list[int]
    since: int

    @classmethod
    def of(cls, text: str) -> "Other":
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    @property
    def queries(self) -> dict[str, list[Any]]:
        """What filters and times can name."""
        host = f"{TICKET_NAME}.example.com"
        names = ("app", "revision", "env", "proctype")
        return {
            **{name: [TICKET_NAME] for name in names},
            "host": [host],
            "service": [LOOKED_UP],
            "instance": self.ids,
            "path": [f"/apps/{TICKET_NAME}", f"/services/{LOOKED_UP}", f"/instances/{self.ids[-1]}"],
            "actor": [CANARY, TICKET_NAME, LOOKED_UP],
            "rev": self.revs,
            "from": [self.since],
        }

    def paths(self, template: str) -> dict[str, list[Any]]:
        """What the parts of a path can be."""
        host = f"{TICKET_NAME}.example.com"
        endpoint = f"{LOOKED_UP}-example-com-1"
        return {
            "app": [TICKET_NAME],
            "ref": [TICKET_NAME, f"{TICKET_NAME}-2"],
            "proctype": [TICKET_NAME],
            "key": [CANARY],
            "id": [endpoint] if template.startswith("/services") else self.ids,
            "service": [LOOKED_UP],
            "kind": ["pms"],
            "addr": [f"{host}:9000"] if template.startswith("/runners") else [host],
            "rev": self.revs,
        }

    @property
    def fields(self) -> dict[str, Any]:
        """What a body can name."""
        return {
            "app": TICKET_NAME,
            "path": f"/apps/{TICKET_NAME}",
            "to_rev": self.revs[0],
            "instance_id": self.ids[-1],
            "apps": [{"name": TICKET_NAME, "repo_url": "x:y", "stack": "lenny"}],
        }


def twin(text: str) -> str:
    """The same with names, as long, of what nobody has."""
    return text.replace("q7x", "q8x")


def written_by(service: Service, other: Other) -> set[str]:
    """Who has changed something of the other tenant's since it was there, as far as the history goes back."""
    found: set[str] = set()
    rev = max(other.revs[-1], service.get("/rev").json()["oldest_rev"])
    while (page := service.get(f"/events/list?rev={rev}&limit=1000").json())["items"]:
        found.update(one["actor"] for one in page["items"] if "q7x" in json.dumps({**one, "actor": ""}))
        rev = page["next"]
    return found


def fill_other(service: Service) -> Other:
    """What the other tenant has: one of everything, a live instance, an ended one, and a history."""
    since, ids = service.rev, []
    host, app, name = f"{TICKET_NAME}.example.com", f"/apps/{TICKET_NAME}", TICKET_NAME
    runs = give(service, grant("host", hosts=[host]), name=name)
    makers = {each: give(service, grant("operator"), name=each) for each in (CANARY, name, LOOKED_UP)}

    def write(by: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Visor-Reason": by, "Visor-Actor": by, "Idempotency-Key": "k1"}
        answer = makers[by].ask(method, path, body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    made = {"name": name, "repo_url": f"ssh://{CANARY}/x", "stack": CANARY, "env": {CANARY: CANARY}}
    write(CANARY, "POST", "/apps", {**APP, **made})
    write(CANARY, "PUT", f"{app}/secrets/{CANARY}", {"value": CANARY})
    for ref in (name, f"{name}-2"):
        given = {"ref": ref, "vars": {CANARY: CANARY}}
        answer = makers[CANARY].ask("POST", f"{app}/envs", given)
        assert answer.is_success, answer.text
        archive = {"ref": ref, "archive_url": f"https://{CANARY}/x"}
        assert makers[CANARY].ask("POST", f"{app}/revisions", archive).is_success
    write(CANARY, "PATCH", app, {"head": name})
    answer = makers[CANARY].ask("POST", f"{app}/proctypes", {"name": name})
    assert answer.is_success, answer.text
    ticket = {**TICKET, "app": name, "revision": name, "proctype": name, "env": name}
    for ends in (True, False):
        asked = makers[name].ask("POST", "/instances", ticket, headers={"Visor-Reason": name})
        id = asked.json()["id"]
        ids.append(id)
        claim = runs.ask("POST", f"/instances/{id}/claim", {"host": host}).json()
        by = {"host": host, "claim_rev": claim["claim_rev"]}
        start = {**by, "hostname": CANARY, "port": 20009}
        assert runs.ask("POST", f"/instances/{id}/start", start).is_success
        write(name, "PUT", f"/instances/{id}/lock", {"client": CANARY, "reason": CANARY})
        if ends:
            write(name, "DELETE", f"/instances/{id}/lock")
            assert runs.ask("POST", f"/instances/{id}/fail", {**by, "reason": CANARY}).is_success
            write(name, "DELETE", f"/instances/{id}?client={CANARY}&reason={CANARY}")
    write(CANARY, "PUT", f"/members/pms/{host}", {"version": CANARY})
    runner = {"addr": f"{host}:9000", "instance_id": ids[-1]}
    assert makers[CANARY].ask("POST", "/runners", runner).is_success
    write(CANARY, "DELETE", f"{app}/env/{CANARY}")
    write(CANARY, "PUT", f"{app}/env/{CANARY}", {"value": CANARY})
    # Who sees a service sees who made it, and why.
    write(LOOKED_UP, "POST", "/services", {"name": LOOKED_UP})
    endpoint = {"addr": f"{LOOKED_UP}.example.com", "ip": "10.9.9.9", "port": 1, "target": LOOKED_UP}
    assert makers[LOOKED_UP].ask("POST", f"/services/{LOOKED_UP}/endpoints", endpoint).is_success
    revs = [one["rev"] for one in service.get(f"/events/list?rev={since}&limit=1000").json()["items"]]
    return Other(ids, sorted({*revs}), since)


@dataclass(frozen=True)
class TwoTenants:
    """A token of each role, by its name, and the other tenant."""

    tokens: dict[str, str]
    other: Other

    @classmethod
    def on(cls, service: Service) -> "TwoTenants":
        other = fill_other(service)
        tokens = {role.value: give(service, one, name=role.value).token for role, one in GRANTS.items()}
        return cls(tokens, other)
