"""`visor diff`: what changed between two moments."""

import argparse
import json
from typing import Any

from app.cli.calling import Calling, shared
from app.cli.moments import NOW, beginning, moment

_SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "±"}


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor diff`."""
    parser.add_argument("before", metavar="A", help="a rev, or a time: -10m, 18:05, 'yesterday 18:00'")
    parser.add_argument("after", metavar="B", nargs="?", default=NOW, help="the same; default: now")
    parser.add_argument("path", nargs="?", help="only what is at this path or below it: /apps/rocket")
    parser.add_argument("--include", choices=("declared", "instances", "all"), help="which kinds (declared)")
    shared(parser, _run)


def _run(calling: Calling) -> None:
    flags, out = calling.flags, calling.out
    before, after = beginning(calling.visor, flags.before), moment(flags.after)
    listing = calling.visor.get_diff(
        before.rev,
        after.rev,
        flags.path,
        from_at=before.at,
        to_at=after.at,
        include=flags.include,
    )
    changes = listing.all()
    if out.format == "json":
        ends = {name: listing.head[name] for name in ("from", "to")}
        out.json({**ends, "items": [change.raw for change in changes]})
        return
    for change in changes:
        if out.format == "jsonl":
            out.json(change.raw)
        elif out.format == "name":
            out.line(change.path)
        else:
            say(out, change)


def say(out: Any, change: Any) -> None:
    """A change as a line for each field that differs."""
    by = change.by
    reason = f": {out.cell(by.reason)}" if by is not None and by.reason else ""
    who = "" if by is None else f"   (rev {by.rev}, {out.cell(by.at)}, {out.cell(by.actor)}{reason})"
    head = f"{_SIGNS.get(change.action, '?')} {change.path}"
    if not change.fields:
        out.line(f"{head}{who}")
    for field in change.fields:
        name = field["path"].removeprefix("/").replace("/", ".")
        before, after = _value(field, "before"), _value(field, "after")
        out.line(f"{head} {out.cell(name)} {out.cell(before)} -> {out.cell(after)}{who}")


def _value(side: dict[str, Any], name: str) -> str:
    return json.dumps(side[name], ensure_ascii=False) if name in side else "-"


def fields_of(before: dict[str, Any], after: dict[str, Any], at: str = "") -> list[str]:
    """What differs between two states of an object, a line a field."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        sides = [before.get(name), after.get(name)]
        if name in ("rev", "updated_at") or sides[0] == sides[1]:
            continue
        if isinstance(sides[0], dict) and isinstance(sides[1], dict):
            lines += fields_of(sides[0], sides[1], f"{at}{name}.")
        else:
            shown = [_value(side, name) for side in (before, after)]
            lines.append(f"{at}{name} {shown[0]} -> {shown[1]}")
    return lines
