"""`visor keys`: the keys that secrets are sealed with."""

import argparse
import json
import sys
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

from app import keyring
from app.cli import contexts
from app.cli.contexts import Service
from app.cli.progress import progress
from app.errors import StartError

SECONDS = 60


def new(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor keys new`."""
    parser.add_argument("file", metavar="FILE", help="the keyring; it is made where it is not there")
    parser.add_argument(
        "--last",
        action="store_true",
        help="after the others: it only opens, until it is the first line. For several replicas: each has"
        " to have a key before one of them seals with it",
    )
    parser.set_defaults(run=_new)


def rewrite(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor keys rewrite`."""
    parser.add_argument("--url", help="the service (VISOR_URL)")
    parser.add_argument("--context", metavar="NAME", help="a context of `visor login` (VISOR_CONTEXT)")
    parser.set_defaults(run=_rewrite)


def _new(arguments: argparse.Namespace) -> int:
    """Make a keyring, or put another key into it: first, so that it seals from now on, while the others open
    what they have sealed. SIGHUP has a running service read the file again."""
    key_id = keyring.add_key(arguments.file, last=arguments.last)
    what = "opens, and seals nothing yet" if arguments.last else "seals from now on"
    sys.stdout.write(
        f"{arguments.file} has the new key {key_id}, which {what}\n"
        "keep a copy of the file apart from the backups: without it no secret can be read\n"
    )
    return 0


def _rewrite(arguments: argparse.Namespace) -> int:
    """Have a running service seal all secrets anew that are sealed with another key than the first."""
    service = contexts.choose(arguments.url, arguments.context)
    answer = _call(service)
    total, rev, left = answer["rewritten"], answer["rev"], answer["left"]
    with progress("sealing secrets anew", total + left) as advance:
        while answer["rewritten"]:
            advance(answer["rewritten"])
            answer = _call(service)
            total, rev, left = total + answer["rewritten"], answer["rev"], answer["left"]
    sys.stdout.write(f"{total} secrets were sealed anew, up to rev {rev}\n")
    if total:
        sys.stdout.write(
            f"history before rev {rev} keeps them as they were sealed before, until oldest_rev has passed it;"
            " backups made before need the old key\n"
        )
    if left:
        raise StartError(
            f"{left} secrets could not be opened and stay as they are: the service's log and"
            " visor_keys_in_use say more; set them anew"
        )
    return 0


def _call(service: Service) -> dict[str, Any]:
    url, headers = service.url, {"Accept": "application/json"}
    if service.token:
        headers["Authorization"] = f"Bearer {service.token}"
    asked = Request(f"{url.rstrip('/')}/keys/rewrite", b"", headers, method="POST")
    try:
        with service.opener().open(asked, timeout=SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        raise StartError(f"{url} answers {error.code}: {_detail(error)}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise StartError(f"{url} cannot be asked: {reason}") from None


def _detail(error: HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, LookupError, TypeError):
        return str(error.reason)
