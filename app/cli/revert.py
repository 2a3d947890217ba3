"""`visor revert`, `visor undo`: what was declared goes back."""

import argparse
from typing import TYPE_CHECKING

from app.cli.apply import say_planned
from app.cli.calling import Calling, writes
from app.cli.moments import beginning

if TYPE_CHECKING:
    from visor_client import Write


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor revert`."""
    parser.add_argument("path", help="an app, or a path: /apps/rocket/env, /services, /")
    parser.add_argument("--to", required=True, metavar="WHEN", help="a rev, or a time: 42, -10m, 18:05")
    parser.add_argument("--only", action="append", metavar="PART", help="env, head, ..; repeatable")
    parser.add_argument("--scale", action="store_true", help="restore the numbers of instances, too")
    parser.add_argument("--delete", action="store_true", help="remove what was registered later")
    parser.add_argument("--new-ports", action="store_true", help="allow a restored proctype another port")
    _planned(parser)
    writes(parser, _revert, condition=False)


def undo(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor undo`."""
    parser.add_argument("rev", type=int, metavar="REV", help="the rev of the commit, as `visor log` shows it")
    _planned(parser)
    writes(parser, _undo, condition=False)


def _planned(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--as-planned", metavar="PLAN", help="make exactly the changes of this plan, or none")


def _revert(calling: Calling) -> None:
    flags = calling.flags
    path = flags.path if flags.path.startswith("/") else f"/apps/{flags.path}"
    to = beginning(calling.visor, flags.to)
    done = calling.visor.revert_subtree(
        path,
        to.rev,
        to_at=to.at,
        only=flags.only,
        scale=flags.scale,
        delete=flags.delete,
        ports="new" if flags.new_ports else None,
        plan=flags.as_planned,
        **_given(calling),
    )
    say_planned(calling, done)


def _undo(calling: Calling) -> None:
    flags = calling.flags
    done = calling.visor.undo_commit(flags.rev, plan=flags.as_planned, **_given(calling))
    say_planned(calling, done)


def _given(calling: Calling) -> "Write":
    if calling.flags.plan:
        calling.flags.dry_run = True
    return calling.given
