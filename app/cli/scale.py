"""`visor scale`: set how many instances should run."""

import argparse
from contextlib import suppress

from app.cli.calling import Calling, Printed, writes


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor scale`; `APP REF PROC N` is the original's form."""
    parser.add_argument("app")
    parser.add_argument("targets", nargs="+", metavar="PROC=N")
    parser.add_argument("--revision", metavar="REF", help="the revision to run; default: the app's head")
    parser.add_argument("--env", metavar="REF", help="with which env set")
    writes(parser, _run)


def _run(calling: Calling) -> None:
    flags = calling.flags
    old = _original(flags.targets)
    if old is not None:
        revision, proctype, count = old
        calling.visor.set_scale(flags.app, proctype, revision, count, **calling.given)
        return
    targets = [_target(each) for each in flags.targets]
    revision = flags.revision or _head(calling)
    for proctype, count in targets:
        with suppress(Printed):
            done = calling.visor.set_scale(
                flags.app, proctype, revision, count, env=flags.env, **calling.given
            )
            calling.changed(
                done, f"{flags.app} {proctype} {revision}: {done.previous} -> {done.count}{_what(done)}"
            )


def _original(targets: list[str]) -> tuple[str, str, int] | None:
    if len(targets) == 3 and not any("=" in each for each in targets) and targets[2].isdigit():
        return targets[0], targets[1], int(targets[2])
    return None


def _target(given: str) -> tuple[str, int]:
    proctype, equals, count = given.partition("=")
    if not equals or not count.isdigit():
        raise ValueError(f"{given!r} is no PROC=N: web=3")
    return proctype, int(count)


def _head(calling: Calling) -> str:
    app = calling.visor.get_app(calling.flags.app)
    if app.head is None:
        raise ValueError(
            f"app {app.name} has no head: give --revision, or run `visor app set {app.name} --head REF`"
        )
    return app.head


def _what(done: object) -> str:
    parts = []
    for verb in ("started", "stopped"):
        ids = getattr(done, verb)
        if ids:
            more = f" and {len(ids) - 10} more" if len(ids) > 10 else ""
            parts.append(f"{verb} {', '.join(map(str, ids[:10]))}{more}")
    return f" ({'; '.join(parts)})" if parts else ""
