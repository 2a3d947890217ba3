"""`visor keys`: the keys that secrets are sealed with."""

import argparse
import sys

from app import keyring
from app.cli.calling import Calling, shared
from app.cli.progress import progress
from app.errors import StartError


def new(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor keys new`."""
    parser.add_argument("file", metavar="FILE", help="the keyring file; created if it does not exist")
    parser.add_argument(
        "--last",
        action="store_true",
        help="add it as the last line, so that it only opens secrets. Needed with several replicas: "
        "all must have a key before one seals with it",
    )
    parser.set_defaults(run=_new)


def rewrite(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor keys rewrite`."""
    shared(parser, _rewrite)


def _new(arguments: argparse.Namespace) -> int:
    """Make a keyring, or put another key into it: first, so that it seals from now on, while the others open
    what they have sealed. SIGHUP has a running service read the file again."""
    key_id = keyring.add_key(arguments.file, last=arguments.last)
    what = "opens secrets, and seals none yet" if arguments.last else "seals from now on"
    sys.stdout.write(
        f"{arguments.file} has the new key {key_id}, which {what}\n"
        "keep a copy of the file apart from the backups: without it no secret can be read\n"
    )
    return 0


def _rewrite(calling: Calling) -> None:
    """Have a running service seal all secrets anew that are sealed with another key than the first."""
    done = calling.visor.rewrite_secrets()
    total = done.rewritten
    with progress("sealing secrets anew", total + done.left) as advance:
        while done.rewritten:
            advance(done.rewritten)
            done = calling.visor.rewrite_secrets()
            total += done.rewritten
    rev, left = done.rev, done.left
    if calling.out.for_people:
        calling.out.line(f"{total} secrets were sealed anew, up to rev {rev}")
        if total:
            calling.out.line(
                f"history before rev {rev} keeps them as they were sealed before, until oldest_rev has passed"
                " it; backups made before need the old key"
            )
    else:
        calling.out.changed({"rev": rev, "rewritten": total, "left": left}, "")
    if left:
        raise StartError(
            f"{left} secrets could not be opened and stay as they are: the service's log and"
            " visor_keys_in_use say more; set them anew"
        )
