"""What all commands that call a service share: flags, the client, errors and exit codes."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from app.cli import contexts
from app.cli.output import FORMATS, Output

if TYPE_CHECKING:
    from visor_client import ClientError, Moment, Visor, Write

REFUSED, UNREACHABLE, RAN_OUT, PRECONDITION = 1, 3, 4, 5
"""Exit codes beside 0, and 2 where the command line is wrong."""

RETRY_FOR = 5.0
"""Seconds for which a call is tried that nothing answers: as long as a service takes to be started again."""


@dataclass
class Calling:
    """One run of a command: the client, the flags, and where to write."""

    visor: "Visor"
    flags: argparse.Namespace
    out: Output

    @property
    def moment(self) -> "Moment":
        """Of which snapshot a read is to be."""
        if self.flags.rev is None and self.flags.at is not None:
            # Once, so that all reads of the command are of one snapshot.
            self.flags.rev = self.visor.get_rev(at=self.flags.at).rev
        return {} if self.flags.rev is None else {"rev": self.flags.rev}

    @property
    def given(self) -> "Write":
        """What a write is told."""
        options: Write = {}
        if self.flags.if_rev is not None:
            options["if_rev"] = self.flags.if_rev
        if self.flags.reason is not None:
            options["reason"] = self.flags.reason
        if self.flags.dry_run:
            options["dry_run"] = True
        return options

    def changed(self, record: Any, text: str) -> None:
        """Say what a write did; `record` is its answer."""
        would = "would be " if self.flags.dry_run else ""
        rev = record.snapshot_rev if self.flags.dry_run else record.rev
        self.out.changed(record.raw, f"{would}rev {rev}  {text}")


Run = Callable[[Calling], int | None]


class Printed(BaseException):
    """The call was printed in place of being made (`--curl`). No Exception: nothing may take it for a
    failure. A command that makes a call for each of several goes on after it."""


def reads(parser: argparse.ArgumentParser, run: Run, *, watch: bool = True, formats: bool = True) -> None:
    """Flags of a command that reads; without `formats` what it prints has one form."""
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--rev", type=rev, metavar="N", help="read the state at this rev")
    when.add_argument(
        "--at", metavar="WHEN", help="read the state at this time: -10m, 18:05, 'yesterday 18:00', RFC 3339"
    )
    if watch:
        parser.add_argument(
            "-w", "--watch", action="store_true", help="watch: show again when something happens"
        )
    shared(parser, run, formats=formats)


def writes(parser: argparse.ArgumentParser, run: Run, *, condition: bool = True) -> None:
    """Flags of a command that changes something; without `condition` it is nothing that has a rev yet, or
    several things."""
    if condition:
        parser.add_argument(
            "--if-rev", type=rev, metavar="N", help="change it only if it is still at this rev"
        )
    else:
        parser.set_defaults(if_rev=None)
    parser.add_argument("-m", dest="reason", metavar="WHY", help="the reason, which is kept with the commit")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen, and change nothing")
    shared(parser, run)


def rev(text: str) -> int:
    """A rev, as an argument."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("a rev is not negative")
    return number


def shared(parser: argparse.ArgumentParser, run: Run, *, formats: bool = True) -> None:
    """Flags of every command that calls a service."""
    if formats:
        parser.add_argument(
            "-o",
            "--output",
            dest="format",
            choices=FORMATS,
            default="table",
            metavar="FORMAT",
            help=", ".join(FORMATS),
        )
    else:
        parser.set_defaults(format="table")
    parser.add_argument(
        "--curl", action="store_true", help="print the calls as curl lines, and change nothing"
    )
    parser.add_argument("--url", help="the service (VISOR_URL)")
    parser.add_argument("--context", metavar="NAME", help="a context of `visor login` (VISOR_CONTEXT)")
    parser.add_argument(
        "--ca", metavar="FILE", help="file with the CA that signed the service's certificate (VISOR_CA)"
    )
    parser.set_defaults(run=partial(_call, run))


def _call(run: Run, flags: argparse.Namespace) -> int:
    service = contexts.choose(flags.url, flags.context)
    if flags.ca is not None:
        service = service._replace(ca=flags.ca)
    # Imported where something is called, and not for --help.
    from app.cli.curl import printing
    from visor_client import ClientError, Visor

    actor = os.environ.get("VISOR_ACTOR")
    try:
        http = printing(service, writes=hasattr(flags, "dry_run")) if flags.curl else None
        if getattr(flags, "at", None) is not None:
            flags.at = when(flags.at)
        with Visor(
            service.url, token=service.token, actor=actor, retry_for=RETRY_FOR, http=http, **service.files
        ) as visor:
            calling = Calling(visor, flags, Output(flags.format))
            if getattr(flags, "watch", False) and not flags.curl:
                from app.cli.watching import watch

                return watch(calling, run)
            return run(calling) or 0
    except Printed:
        return 0
    except ClientError as error:
        status = explain(error)
        return getattr(flags, "failure", status)
    except ValueError as error:
        sys.stderr.write(f"visor: {error}\n")
        return 2


def explain(error: "ClientError") -> int:
    """Say what the service says, and what to type next; the exit code."""
    from visor_client import NotFound, Problem, RevMismatch, Unauthenticated, Unreachable, Untrusted

    hint, status = "", REFUSED
    if isinstance(error, Unreachable):
        hint, status = "Does it run? `visor serve` starts one; --url or VISOR_URL names another.", UNREACHABLE
        if isinstance(error, Untrusted):
            hint = "Name a file with the CA that signed it: --ca FILE, or VISOR_CA."
    elif isinstance(error, RevMismatch):
        hint, status = "It has changed since: read it again, and give its new rev as --if-rev.", PRECONDITION
    elif isinstance(error, Unauthenticated):
        hint = "`visor login URL` saves a token; VISOR_TOKEN works too."
    elif isinstance(error, NotFound):
        hint = _where_to_look(error.detail)
    sys.stderr.write(f"visor: {error}\n")
    if isinstance(error, Problem):
        for each in error.errors[1:]:
            sys.stderr.write(f"  {'.'.join(map(str, each['loc']))}: {each['msg']}\n")
    if hint:
        sys.stderr.write(f"  {hint}\n")
    return status


def _where_to_look(detail: str) -> str:
    places = {
        " revision ": "`visor revision list APP` lists them.",
        " proctype ": "`visor proc list APP` lists them.",
        " instance ": "`visor ps -a` lists them.",
        " variable ": "`visor env get APP` lists them.",
        " app ": "`visor apps` lists them.",
    }
    return next((hint for word, hint in places.items() if word in detail), "")


def clock() -> datetime:
    """How late it is, in the zone of this machine."""
    return datetime.now().astimezone()


def when(text: str, now: datetime | None = None) -> str:
    """A time as people write it -> as the service takes it: `-10m` stays, `18:05` is today's or yesterday's,
    of this machine's zone. Raises ValueError."""
    if text[:1] == "-":
        return text
    now = now or clock()
    day, _, time = text.rpartition(" ")
    if day in ("", "today", "yesterday") and ":" in time and "T" not in time:
        hour, minute, *second = map(int, time.split(":"))
        instant = now.replace(hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0)
        if day == "yesterday" or (day == "" and instant > now):
            instant -= timedelta(days=1)
        return instant.isoformat()
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: -10m, 18:05, 'yesterday 18:00', 2026-11-30T18:05:00Z"
        ) from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=now.tzinfo)).isoformat()


def seconds(text: str) -> int:
    """`90`, `15m`, `1d` -> seconds, as an argument."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    factor = units.get(text[-1:])
    return int(text[:-1]) * factor if factor else int(text)
