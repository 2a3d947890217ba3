"""Services that need a token, and who has which."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from app.models.token import new_id, new_token, sha256_of
from tests.serving import Service, serving


@dataclass(frozen=True)
class Holder:
    """Who holds a token of a service."""

    service: Service
    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, method: str, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        headers = {**self.headers, **more.pop("headers", {})}
        body = {} if json is None else {"json": json}
        return self.service.client.request(method, path, headers=headers, **body, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("GET", path, **more)

    def at(self, service: Service) -> "Holder":
        """The same at another replica."""
        return Holder(service, self.id, self.token)


def let_root_in(service: Service, root: str) -> Holder:
    """Have the service's own client ask as its admin."""
    service.client.headers["Authorization"] = f"Bearer {root}"
    return Holder(service, "", root)


@contextmanager
def closed_service(**settings: Any) -> Iterator[Service]:
    """A service with an admin token, as which its own client asks, and as often as it likes."""
    root = new_token(new_id())
    with serving(admin_token_sha256=sha256_of(root), **{"client_writes": 0, **settings}) as service:
        let_root_in(service, root)
        yield service


def grant(role: str, **scope: list[str]) -> dict[str, Any]:
    return {"role": role, **scope}


def give(service: Service, *grants: dict[str, Any], name: str = "somebody", **more: Any) -> Holder:
    """A new token, made by the service's own client."""
    id = new_id()
    holder = Holder(service, id, new_token(id))
    body = {"name": name, "grants": list(grants), "sha256": sha256_of(holder.token), **more}
    answer = service.put(f"/tokens/{id}", body)
    assert answer.status_code == 200, answer.text
    return holder


def regrant(holder: Holder, *grants: dict[str, Any], **more: Any) -> httpx2.Response:
    """Other grants for the same token."""
    return holder.service.put(f"/tokens/{holder.id}", {"name": "somebody", "grants": list(grants), **more})


@contextmanager
def behind(service: Service) -> Iterator[None]:
    """What is looked up is what is held now, until the coordinator is asked: as on a replica to which nothing
    has come since."""
    store = service.context.store
    stale, latest, held = store.stale, store.latest, store.stale()

    async def catch_up() -> Any:
        store.stale = stale
        return await latest()

    store.stale, store.latest = lambda: held, catch_up
    try:
        yield
    finally:
        store.stale, store.latest = stale, latest
