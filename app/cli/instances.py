"""`visor instance stop|lost|..`, `visor purge`: what is done to instances."""

import argparse
import getpass
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.cli.calling import RAN_OUT, Calling, Printed, reads, seconds, writes
from app.cli.instances_shown import STATUSES
from app.cli.progress import progress

FINAL = ("exited", "failed", "lost")


def who() -> str:
    """The name under which a person says something."""
    return os.environ.get("VISOR_ACTOR") or getpass.getuser()


def _each(parser: argparse.ArgumentParser, act: Callable[[Calling, int], Any], done: str) -> None:
    """A command that does the same to each instance that is named."""
    parser.add_argument("ids", nargs="+", type=int, metavar="ID")

    def run(calling: Calling) -> None:
        for id in calling.flags.ids:
            with suppress(Printed):
                record = act(calling, id)
                calling.changed(record, f"instance {id} {done}")

    writes(parser, run)


def stop(parser: argparse.ArgumentParser) -> None:
    """`visor instance stop`."""
    _each(parser, lambda calling, id: calling.visor.stop_instance(id, **calling.given), "is told to stop")


def lost(parser: argparse.ArgumentParser) -> None:
    """`visor instance lost`."""
    parser.add_argument("--because", default="said by hand", metavar="WHY", help="kept with the instance")

    def act(calling: Calling, id: int) -> Any:
        return calling.visor.lose_instance(id, who(), calling.flags.because, **calling.given)

    _each(parser, act, "is lost")


def restart(parser: argparse.ArgumentParser) -> None:
    """`visor instance restart`."""
    parser.add_argument("--oom", action="store_true", help="it ran out of memory")

    def act(calling: Calling, id: int) -> Any:
        # A host has to name its claim: of who types this, it is the one that there is.
        claim_rev = calling.visor.get_instance(id).claim_rev
        cause = "oom" if calling.flags.oom else "fail"
        return calling.visor.restart_instance(id, cause, claim_rev=claim_rev, **calling.given)

    _each(parser, act, "was started again")


def lock(parser: argparse.ArgumentParser) -> None:
    """`visor instance lock`."""
    parser.add_argument("--because", default="locked by hand", metavar="WHY", help="kept with the lock")

    def act(calling: Calling, id: int) -> Any:
        return calling.visor.lock_instance(id, who(), calling.flags.because, **calling.given)

    _each(parser, act, "is locked")


def unlock(parser: argparse.ArgumentParser) -> None:
    """`visor instance unlock`."""
    _each(parser, lambda calling, id: calling.visor.unlock_instance(id, **calling.given), "is unlocked")


def wait(parser: argparse.ArgumentParser) -> None:
    """`visor instance wait`."""
    parser.add_argument("ids", nargs="+", type=int, metavar="ID")
    parser.add_argument(
        "--for",
        dest="status",
        action="append",
        choices=STATUSES,
        metavar="STATUS",
        help="running; repeatable",
    )
    parser.add_argument("--timeout", type=seconds, default=60, metavar="TIME", help="60, 5m (60)")

    def run(calling: Calling) -> int:
        wanted = calling.flags.status or ["running"]
        until = time.monotonic() + calling.flags.timeout
        for id in calling.flags.ids:
            while True:
                left = max(0, int(until - time.monotonic()))
                instance = calling.visor.get_instance(id, status=wanted, wait=min(60, left))
                if instance.status in wanted or instance.status in FINAL or time.monotonic() >= until - 1:
                    break
            calling.out.changed(instance.raw, f"instance {id} is {instance.status}")
            if instance.status not in wanted:
                return RAN_OUT
        return 0

    reads(parser, run, watch=False)


def purge(parser: argparse.ArgumentParser) -> None:
    """`visor purge`."""
    parser.add_argument("app")
    parser.add_argument(
        "--older",
        type=seconds,
        metavar="TIME",
        help="only instances that ended at least this long ago: 1d, 2h",
    )
    parser.add_argument("--status", action="append", choices=FINAL, metavar="STATUS", help="repeatable")

    def run(calling: Calling) -> None:
        visor, flags = calling.visor, calling.flags
        status = flags.status or list(FINAL)
        if flags.older is None:
            visor.get_app(flags.app)
            done = visor.unregister_instances(status, app=[flags.app], client=who(), **calling.given)
            calling.changed(done, f"{flags.app}: {done.count} purged")
            return
        before = datetime.now(UTC) - timedelta(seconds=flags.older)
        instances = visor.list_app_instances(flags.app, status=status, limit=1000).all()
        over = [each.id for each in instances if each.ended_at is not None and each.ended_at < before]
        gone: list[Any] = []
        with progress("purging", len(over)) as advance:
            for id in over:
                with suppress(Printed):
                    gone.append(visor.unregister_instance(id, client=who(), **calling.given))
                advance(1)
        if flags.curl:
            return
        last = gone[-1] if gone else visor.get_rev()
        result = replace(last, raw={"rev": last.raw["rev"], "count": len(gone)})
        calling.changed(result, f"{flags.app}: {len(gone)} purged")

    writes(parser, run, condition=False)
