"""`visor token`: on the store itself, where access to it is the proof, or against a running service."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

from pydantic import ValidationError
from pydantic_core import from_json

from app.cli.contexts import Service, choose
from app.cli.flags import settings_of
from app.errors import RequestError, StartError
from app.main import build_context
from app.models import keys
from app.models.grants import SCOPE_OF, Role
from app.models.token import Rotation, TokenSet, new_id, new_token, sha256_of
from app.registry import tokens
from app.registry.state import exists
from app.store.contract import Changes, Origin, Store
from app.store.snapshots import scan

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ORIGIN = Origin("visor", "visor token")


Side = Callable[..., Any]


def create(parser: argparse.ArgumentParser) -> None:
    """`visor token create`. The token is printed once, and kept nowhere."""
    parser.add_argument("--name", required=True, help="who uses it: the actor of what is done with it")
    parser.add_argument("--role", choices=[role.value for role in Role], help="the role of its one grant")
    for scope in ("apps", "hosts", "services"):
        parser.add_argument(f"--{scope}", help=f"{scope} that the role is for, comma-separated; x*: any x..")
    parser.add_argument("--grants", help="several grants, as JSON, instead of a role")
    parser.add_argument("--expires", help="how long it is valid: 90d, 12h, 30m")
    _declare(parser, _create)


def rotate(parser: argparse.ArgumentParser) -> None:
    """`visor token rotate`."""
    parser.add_argument("--overlap", default="0s", help="how long the old secret is valid still: 1h")
    _declare(parser, _rotate, with_id=True)


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor token list`."""
    _declare(parser, _list)


def show(parser: argparse.ArgumentParser) -> None:
    """`visor token show`."""
    _declare(parser, lambda arguments, ask: ask("GET", f"/tokens/{_id(arguments)}"), with_id=True)


def revoke(parser: argparse.ArgumentParser) -> None:
    """`visor token revoke`."""
    _declare(parser, lambda arguments, ask: ask("DELETE", f"/tokens/{_id(arguments)}"), with_id=True)


def _declare(
    parser: argparse.ArgumentParser,
    what: Callable[[argparse.Namespace, Side], Any],
    *,
    with_id: bool = False,
) -> None:
    if with_id:
        parser.add_argument("id", help="of the token")
    parser.add_argument("--store", dest="set_store", metavar="URL", help="the store itself, no service")
    parser.add_argument("--url", help="a running service, asked with the token in VISOR_TOKEN")
    parser.add_argument("--context", help="a service that `visor login` has kept")
    parser.add_argument("--ca", metavar="FILE", help="the authority that its certificate is of (VISOR_CA)")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")

    def run(arguments: argparse.Namespace) -> int:
        on_store = arguments.set_store is not None
        side = _Store(arguments) if on_store else _Service(_chosen(arguments))
        result = what(arguments, side)
        lines = [json.dumps(result)] if arguments.output == "json" else _lines(result)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return 0

    parser.set_defaults(run=run)


def _chosen(arguments: argparse.Namespace) -> Service:
    service = choose(arguments.url, arguments.context)
    return service if arguments.ca is None else service._replace(ca=arguments.ca)


class _Service:
    """A running service."""

    def __init__(self, service: Service) -> None:
        self._url, self._token = service.url.rstrip("/"), service.token
        self._opener = service.opener()

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        asked = Request(self._url + path, data, headers, method=method)
        try:
            with self._opener.open(asked, timeout=30) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise StartError(_detail(error.read()) or f"{self._url} answers {error.code}") from None
        except (URLError, OSError, ValueError) as error:
            raise StartError(f"{self._url} cannot be asked: {getattr(error, 'reason', error)}") from None


def _detail(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, LookupError, TypeError):
        return None


class _Store:
    """The store itself, which no service holds."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._settings = settings_of(arguments)
        if self._settings.store == "memory:":
            raise StartError("a `memory:` store keeps no token: set VISOR_ADMIN_TOKEN_SHA256 for it")

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        return asyncio.run(self._answer(lambda store: _on_store(store, method, path, body)))

    async def _answer(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        store = build_context(self._settings).store
        await store.open()
        try:
            return await work(store)
        except RequestError as error:
            raise StartError(error.detail) from None
        except ValidationError as error:
            first = error.errors()[0]
            raise StartError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        finally:
            await store.close()


async def _on_store(store: Store, method: str, path: str, body: Any) -> Any:
    """What the service would answer, by the same rules."""
    _, _, id, *more = [*path.split("/"), ""]
    snapshot = await store.latest()
    if method == "GET" and not id:
        return {"items": [from_json(tokens.said(one, snapshot)) for one in scan(snapshot, keys.TOKENS)]}
    if method == "GET":
        return from_json(tokens.said(exists(snapshot, keys.token(id), f"token {id}"), snapshot))

    def rule(snapshot: Any, at: datetime) -> Changes:
        if method == "DELETE":
            return tokens.revoke(snapshot, at, id)
        if more[0] == "rotate":
            return tokens.rotate(snapshot, at, id, Rotation.model_validate(body))
        return tokens.put(snapshot, at, id, TokenSet.model_validate(body), "visor")

    outcome = await store.transact(rule, _ORIGIN)
    if outcome.record is None:
        return {"rev": outcome.rev}
    return from_json(tokens.said(outcome.record, store.stale()))


def _create(arguments: argparse.Namespace, ask: Side) -> Any:
    token = new_token(id := new_id())
    expires = None
    if arguments.expires:
        expires = (datetime.now(UTC) + timedelta(seconds=_seconds(arguments.expires))).isoformat()
    ask(
        "PUT",
        f"/tokens/{id}",
        {
            "name": arguments.name,
            "grants": _grants(arguments),
            "expires_at": expires,
            "sha256": sha256_of(token),
        },
    )
    return {"id": id, "token": token}


def _grants(arguments: argparse.Namespace) -> list[Any]:
    if (arguments.grants is None) == (arguments.role is None):
        raise StartError("say either --role or --grants")
    if arguments.grants is not None:
        try:
            found = json.loads(arguments.grants)
        except ValueError as error:
            raise StartError(f"--grants is no JSON: {error}") from None
        return found if isinstance(found, list) else [found]
    grant: dict[str, Any] = {"role": arguments.role}
    for scope in ("apps", "hosts", "services"):
        if given := getattr(arguments, scope):
            grant[scope] = [one.strip() for one in given.split(",") if one.strip()]
    wanted = SCOPE_OF.get(Role(arguments.role))
    if wanted is not None and wanted not in grant:
        raise StartError(f"a {arguments.role} needs --{wanted}")
    return [grant]


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if found is None:
        raise StartError(f"{text} is no time: write 90d, 12h, 30m or 45s")
    return int(found[1]) * _UNITS[found[2]]


def _rotate(arguments: argparse.Namespace, ask: Side) -> Any:
    token = new_token(_id(arguments))
    overlap = _seconds(arguments.overlap)
    ask("POST", f"/tokens/{arguments.id}/rotate", {"sha256": sha256_of(token), "overlap": overlap})
    return {"id": arguments.id, "token": token}


def _id(arguments: argparse.Namespace) -> str:
    if re.fullmatch("[a-z2-7]{12}", arguments.id) is None:
        raise StartError(f"{arguments.id} is no token's id: `visor token list` has them")
    return str(arguments.id)


def _list(arguments: argparse.Namespace, ask: Side) -> Any:
    items: list[Any] = []
    path: str | None = "/tokens"
    while path is not None:
        page = ask("GET", path)
        items += page["items"]
        path = f"/tokens?cursor={page['next']}" if page.get("next") else None
    return items


def _lines(result: Any) -> list[str]:
    if isinstance(result, dict) and "token" in result:
        return [result["token"]]
    if isinstance(result, dict) and "name" not in result:
        return [f"revoked at rev {result['rev']}"]
    shown = result if isinstance(result, list) else [result]
    return [
        f"{one['id']}  {one['name']}  {json.dumps(one['grants'])}  expires {one['expires_at'] or 'never'}  "
        f"used {one['last_used_at'] or 'not yet'}"
        for one in shown
    ]
