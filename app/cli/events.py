"""`visor events`: what happened; -f goes on with what happens now."""

import argparse
import re
from typing import Any

from app.cli.calling import Calling, shared
from app.cli.moments import beginning
from visor_client.messages import Event, SnapshotBegin, SnapshotEnd

_POSITION = re.compile(r"\d+-\d+", re.ASCII)
_NAMES = ("app", "proctype", "revision", "env", "service", "endpoint", "runner", "member")


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor events`."""
    parser.add_argument("app", nargs="?")
    parser.add_argument("-f", "--follow", action="store_true", help="go on for ever")
    parser.add_argument(
        "--since", metavar="WHEN", help="after this rev, position (42-0) or time (-10m, 18:05)"
    )
    parser.add_argument("-n", type=int, default=20, metavar="COUNT", help="how many of the newest (20)")
    parser.add_argument("--type", action="append", default=[], help="instance-*; repeatable")
    parser.add_argument("--host", action="append", default=[], help="repeatable")
    shared(parser, _run)


def _run(calling: Calling) -> None:
    flags, visor = calling.flags, calling.visor
    filters: dict[str, Any] = {
        "app": [flags.app] if flags.app else [],
        "type": flags.type,
        "host": flags.host,
    }
    place = _place(calling, flags.since)
    if place is None:
        place = str(_newest(calling, filters))
    elif not flags.follow:
        while True:
            page, following = visor.list_events(place, limit=1000, **filters)
            for event in page:
                _say(calling, event)
            if not page:
                return
            place = following
    if flags.follow:
        calling.out.flush()
        with visor.events(place, **filters) as stream:
            for message in stream:
                if isinstance(message, Event):
                    _say(calling, message)
                elif isinstance(message, SnapshotBegin) and calling.out.for_people:
                    calling.out.line(
                        "-- the history after that position is gone: what follows is from now on"
                    )
                elif isinstance(message, SnapshotEnd) and calling.out.for_people:
                    calling.out.line(f"-- rev {message.rev}")
                calling.out.flush()


def _place(calling: Calling, since: str | None) -> str | None:
    """A position as the service takes it."""
    if since is None or _POSITION.fullmatch(since):
        return since
    begin = beginning(calling.visor, since)
    return str(begin.rev if begin.rev is not None else calling.visor.get_rev(at=begin.at or "-0s").rev)


def _newest(calling: Calling, filters: dict[str, Any]) -> str:
    """Says the newest events, and gives the place after them. Looks back as far as it has to."""
    info = calling.visor.get_rev()
    width = max(calling.flags.n * 4, 100)
    newest: list[Event] = []
    while True:
        start = max(info.oldest_rev, info.rev - width)
        newest, place = [], str(start)
        while True:
            page, following = calling.visor.list_events(place, limit=1000, **filters)
            newest += page
            place = following
            if not page:
                break
        if len(newest) >= calling.flags.n or start == info.oldest_rev:
            break
        width *= 8
    for event in newest[max(0, len(newest) - calling.flags.n) :]:
        _say(calling, event)
    return place


def _say(calling: Calling, event: Event) -> None:
    out = calling.out
    if out.format in ("json", "jsonl"):
        out.json(event.raw)
    elif out.format == "name":
        out.line(f"{event.rev}-{event.index}")
    else:
        names = [str(event.raw[name]) for name in _NAMES if event.raw.get(name) is not None]
        id = f" #{event.instance}" if event.instance is not None else ""
        at = event.at.astimezone().strftime("%H:%M:%S") if out.terminal else out.cell(event.at)
        what = f"{event.type:<19} {' '.join(names)}{id}"
        out.line(f"{event.rev}  {at}  {out.cell(event.actor)}  {what}")
