"""`visor token`: against a running service, or on the store itself, where access to it is the proof."""

import argparse
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from app.cli.calling import Calling, clock, reads, seconds, writes
from app.cli.output import Column, Output

if TYPE_CHECKING:
    from visor_client import Write

ROLES = ("viewer", "deployer", "operator", "host", "registrar", "auditor", "admin", "secret-reader")
_OF_SERVICES = {
    "rev": "--rev",
    "at": "--at",
    "watch": "-w",
    "if_rev": "--if-rev",
    "reason": "-m",
    "dry_run": "--dry-run",
    "curl": "--curl",
    "url": "--url",
    "context": "--context",
    "ca": "--ca",
}
"""Flags that mean nothing to a store."""

_SCOPES = ("apps", "hosts", "services")

_COLUMNS = [
    Column("ID", lambda token: token.id),
    Column("NAME", lambda token: token.name),
    Column("GRANTS", lambda token: json.dumps(token.grants)),
    Column("EXPIRES", lambda token: token.expires_at or "never"),
    Column("USED", lambda token: token.last_used_at or "not yet"),
    Column("BY", lambda token: token.created_by, wide=True),
    Column("REV", lambda token: token.rev, wide=True),
]


class Side(NamedTuple):
    """Where the tokens are: `visor` is a client, or the store itself, which has the same calls for tokens."""

    visor: Any
    flags: argparse.Namespace
    out: Output
    given: "Write"
    changed: Callable[[Any, str], None]
    moment: Any


def create(parser: argparse.ArgumentParser) -> None:
    """`visor token create`. The token is printed once, and kept nowhere."""
    parser.add_argument("--name", required=True, help="a name for it, which becomes the actor of its changes")
    parser.add_argument("--role", choices=ROLES, metavar="ROLE", help=f"of its one grant: {', '.join(ROLES)}")
    for scope in _SCOPES:
        parser.add_argument(f"--{scope}", help=f"{scope} that the role is for, comma-separated; x*: any x..")
    parser.add_argument("--grants", metavar="JSON", help="several grants, instead of a role")
    parser.add_argument("--expires", type=_time, metavar="TIME", help="how long it is valid: 90d, 12h, 30m")
    _declare(parser, _create, writes, condition=False)


def rotate(parser: argparse.ArgumentParser) -> None:
    """`visor token rotate`."""
    parser.add_argument("id", type=_id, help="of the token")
    parser.add_argument(
        "--overlap", type=_time, default=0, metavar="TIME", help="how long the old secret stays valid: 1h"
    )
    _declare(parser, _rotate, writes)


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor token list`."""
    _declare(parser, _list, reads)


def show(parser: argparse.ArgumentParser) -> None:
    """`visor token show`."""
    parser.add_argument("id", type=_id, help="of the token")
    _declare(parser, _show, reads)


def revoke(parser: argparse.ArgumentParser) -> None:
    """`visor token revoke`."""
    parser.add_argument("id", type=_id, help="of the token")
    _declare(parser, _revoke, writes)


def _declare(
    parser: argparse.ArgumentParser, act: Callable[[Side], None], kind: Callable[..., None], **more: bool
) -> None:
    parser.add_argument(
        "--store", dest="set_store", metavar="URL", help="work on this store directly, without a service"
    )

    def call(calling: Calling) -> None:
        moment = {} if kind is writes else calling.moment
        given: Write = calling.given if kind is writes else {}
        act(Side(calling.visor, calling.flags, calling.out, given, calling.changed, moment))

    kind(parser, call, **more)
    service = parser.get_default("run")

    def run(flags: argparse.Namespace) -> int:
        if flags.set_store is None:
            status: int = service(flags)
            return status
        for name in _OF_SERVICES:
            if getattr(flags, name, None) is not None and getattr(flags, name) is not False:
                parser.error(f"{_OF_SERVICES[name]} is for a service, and not for --store")
        # Imported where there is a store to be opened.
        from app.cli.token_store import TokenStore

        out = Output(flags.format)
        try:
            act(Side(TokenStore(flags), flags, out, {}, lambda *values: _changed(out, *values), {}))
        except ValueError as error:
            parser.error(str(error))
        return 0

    parser.set_defaults(run=run)


def _changed(out: Output, record: Any, text: str) -> None:
    out.changed(record.raw, f"rev {record.rev}  {text}")


def _create(side: Side) -> None:
    # Making one needs the models, which take longer to import than all the rest.
    from app.models.token import new_id, new_token, sha256_of

    flags = side.flags
    token = new_token(id := new_id())
    expires = None if flags.expires is None else clock() + timedelta(seconds=flags.expires)
    made = side.visor.set_token(
        id, flags.name, _grants(flags), sha256=sha256_of(token), expires_at=expires, **side.given
    )
    _say_token(side, made, id, token)


def _rotate(side: Side) -> None:
    from app.models.token import new_token, sha256_of

    flags = side.flags
    token = new_token(flags.id)
    made = side.visor.rotate_token(flags.id, sha256_of(token), overlap=flags.overlap, **side.given)
    _say_token(side, made, flags.id, token)


def _say_token(side: Side, made: Any, id: str, token: str) -> None:
    """The token and nothing else, so that a script can take it; after a dry run there is none."""
    if side.given.get("dry_run"):
        side.changed(made, f"token {made.name}")
    elif side.out.format in ("json", "jsonl"):
        side.out.json({"id": id, "token": token})
    else:
        side.out.line(id if side.out.format == "name" else token)


def _list(side: Side) -> None:
    listing = side.visor.list_tokens(**side.moment)
    side.out.items(listing.all(), _COLUMNS, listing.rev, "no tokens")


def _show(side: Side) -> None:
    token = side.visor.get_token(side.flags.id, **side.moment)
    fields = [(column.title.lower(), column.value(token)) for column in _COLUMNS]
    side.out.details(token, fields, token.id)


def _revoke(side: Side) -> None:
    done = side.visor.revoke_token(side.flags.id, **side.given)
    side.changed(done, f"token {side.flags.id} revoked")


def _grants(flags: argparse.Namespace) -> list[Any]:
    if (flags.grants is None) == (flags.role is None):
        raise ValueError("give either --role or --grants")
    if flags.grants is not None:
        try:
            parsed = json.loads(flags.grants)
        except ValueError as error:
            raise ValueError(f"--grants is no JSON: {error}") from None
        return parsed if isinstance(parsed, list) else [parsed]
    from app.models.grants import SCOPE_OF, Role

    grant: dict[str, Any] = {"role": flags.role}
    for scope in _SCOPES:
        if given := getattr(flags, scope):
            grant[scope] = [name.strip() for name in given.split(",") if name.strip()]
    wanted = SCOPE_OF.get(Role(flags.role))
    if wanted is not None and wanted not in grant:
        raise ValueError(f"a {flags.role} needs --{wanted}")
    return [grant]


def _time(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,6}[smhd]", text) is None:
        raise argparse.ArgumentTypeError(f"{text} is no time: write 90d, 12h, 30m or 45s")
    return seconds(text)


def _id(text: str) -> str:
    if re.fullmatch("[a-z2-7]{12}", text) is None:
        raise argparse.ArgumentTypeError(f"{text} is no token's id: `visor token list` has them")
    return text
