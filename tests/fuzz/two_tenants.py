"""A token for each role, and another tenant beside them, with a canary in every field."""

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


def tokens(service: Service) -> dict[str, str]:
    """A token of each role, by its name."""
    return {role.value: give(service, one, name=role.value).token for role, one in GRANTS.items()}


def fill_other(service: Service) -> None:
    """What the other tenant has: one of everything, a live instance, an ended one, and a history."""
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
    write(CANARY, "DELETE", f"{app}/env/{CANARY}")
    write(CANARY, "PUT", f"{app}/env/{CANARY}", {"value": CANARY})
    # Who sees a service sees who made it, and why.
    write(LOOKED_UP, "POST", "/services", {"name": LOOKED_UP})
    endpoint = {"addr": f"{LOOKED_UP}.example.com", "ip": "10.9.9.9", "port": 1, "target": LOOKED_UP}
    assert makers[LOOKED_UP].ask("POST", f"/services/{LOOKED_UP}/endpoints", endpoint).is_success
