"""A registry as a small platform leaves it: five apps on four hosts, and some of what can go wrong."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.access.holders import closed_service, give, grant
from tests.serving import Service

HOSTS = ("10.0.0.7", "10.0.0.8", "10.0.0.9", "db1.example.com")
APPS = {
    "shop": {"web": 6, "worker": 3},
    "search": {"web": 4},
    "mail": {"worker": 2},
    "login": {"web": 3},
    "reports": {"cron": 1},
}
OLD, NEW = "3f9c2e1", "b71d004"


@dataclass
class Speaker:
    """Somebody who changes the registry: by a token of their own, or named by the service's client."""

    visor: Service
    name: str
    token: str | None = None

    def say(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        who = {"Authorization": f"Bearer {self.token}"} if self.token else {"Visor-Actor": self.name}
        answer = self.visor.client.request(
            method,
            path,
            content=None if body is None else json.dumps(body),
            headers={**who, "Content-Type": "application/json", **headers},
        )
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None


def seed(visor: Service, hosts: str | None = None) -> None:
    """Fill the registry; `hosts` is the token of all hosts, where there are tokens."""
    anna, ben, bot = (Speaker(visor, name) for name in ("anna", "ben", "deploy-bot"))
    for number, (app, proctypes) in enumerate(APPS.items()):
        url = f"https://git.example.com/{app}.git"
        env = {"LOG_LEVEL": "info", "DATABASE_URL": f"postgres://db1.example.com/{app}", "POOL": "8"}
        anna.say("POST", "/apps", {"name": app, "repo_url": url, "stack": "bookworm", "env": env})
        for ref in (OLD, NEW):
            archive = f"https://archive.example.com/{app}/{ref}.img"
            bot.say("POST", f"/apps/{app}/revisions", {"ref": ref, "archive_url": archive})
        bot.say("PATCH", f"/apps/{app}", {"head": OLD if number % 2 else NEW})
        for proctype, count in proctypes.items():
            anna.say("POST", f"/apps/{app}/proctypes", {"name": proctype})
            body = {"revision": OLD if number % 2 else NEW, "count": count}
            bot.say("PUT", f"/apps/{app}/proctypes/{proctype}/scale", body)
    ben.say("POST", "/apps/shop/envs", {"ref": "prod-7", "vars": {"CACHE": "cache.example.com:11211"}})
    bot.say("POST", "/apps/shop/revisions", {"ref": "e0a11ce"})
    _run(visor, hosts)
    _go_wrong(visor, ben, hosts)
    for addr, weight in (("10.0.0.20", 2), ("10.0.0.21", 1)):
        if addr == "10.0.0.20":
            anna.say("POST", "/services", {"name": "cache"})
        anna.say("POST", "/services/cache/endpoints", {"addr": addr, "port": 11211, "weight": weight})
    anna.say("POST", "/services", {"name": "queue"})
    for host in HOSTS[:3]:
        Speaker(visor, host, hosts).say("PUT", f"/members/pms/{host}", {"version": "1.4.2", "ttl": 3600})
    anna.say("PUT", "/members/loggers/10.0.0.30:514", {"version": "2.0"})
    Speaker(visor, HOSTS[0], hosts).say("POST", "/runners", {"addr": "10.0.0.7:9000", "instance_id": 1})


def _run(visor: Service, hosts: str | None) -> None:
    """Hosts claim and start all tickets but one."""
    waiting = sum(sum(proctypes.values()) for proctypes in APPS.values())
    for number in range(waiting - 1):
        host = Speaker(visor, HOSTS[number % len(HOSTS)], hosts)
        claimed = host.say("POST", "/instances/claim", {"host": host.name})
        id = claimed["id"]
        body = {"host": host.name, "hostname": f"box{number % 4}.example.com", "port": 20000 + id}
        host.say("POST", f"/instances/{id}/start", {**body, "claim_rev": claimed["claim_rev"]})


def _go_wrong(visor: Service, ben: Speaker, hosts: str | None) -> None:
    """One fails, one is lost, one is locked; a variable is made worse and put right."""

    def of(app: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = visor.get(f"/apps/{app}/instances?status=running").json()["items"]
        return items

    failed, lost = of("search")[0], of("login")[0]
    why = {"host": failed["host"], "claim_rev": failed["claim_rev"], "reason": "exit code 137"}
    Speaker(visor, failed["host"], hosts).say("POST", f"/instances/{failed['id']}/fail", why)
    ben.say("POST", f"/instances/{lost['id']}/lost", {"client": "ben", "reason": "the host does not answer"})
    hungry, locked = of("shop")[0], of("shop")[1]
    why = {"claim_rev": hungry["claim_rev"], "reason": "oom"}
    Speaker(visor, hungry["host"], hosts).say("POST", f"/instances/{hungry['id']}/restart", why)
    ben.say("PUT", f"/instances/{locked['id']}/lock", {"client": "ben", "reason": "being looked at"})
    ben.say("PATCH", "/apps/shop/env", {"POOL": "800", "LOG_LEVEL": "debug"})
    ben.say("PATCH", "/apps/shop/env", {"POOL": "8", "LOG_LEVEL": "info"})


@contextmanager
def closed_platform() -> Iterator[Service]:
    """A service behind tokens with all that `seed` puts there, and a secret."""
    with closed_service() as service:
        host = give(service, grant("host", hosts=["*"]), name="hosts")
        seed(service, host.token)
        service.put("/apps/shop/secrets/DB_PASSWORD", {"value": "correct horse"})
        yield service
