"""`visor diff`: what has changed between two moments."""

import argparse
import json
from typing import Any

from app.cli.calling import Calling, shared
from app.cli.moments import rev_of

_SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "±"}


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor diff`."""
    parser.add_argument("before", metavar="A", help="a rev, or a time: -10m, 18:05, 'yesterday 18:00'")
    parser.add_argument("after", metavar="B", nargs="?", default="now", help="the same; if not told, now")
    parser.add_argument("path", nargs="?", help="only what is at this path or below it: /apps/rocket")
    parser.add_argument("--include", choices=("declared", "instances", "all"), help="which kinds (declared)")
    shared(parser, _run)


def _run(calling: Calling) -> None:
    flags = calling.flags
    before, after = rev_of(calling.visor, flags.before), rev_of(calling.visor, flags.after)
    changes = calling.visor.get_diff(before, after, flags.path, include=flags.include).all()
    out = calling.out
    if out.format == "json":
        out.json({"from": before, "to": after, "items": [change.raw for change in changes]})
        return
    for change in changes:
        if out.format == "jsonl":
            out.json(change.raw)
        elif out.format == "name":
            out.line(change.path)
        else:
            _say(out, change)


def _say(out: Any, change: Any) -> None:
    by = change.by
    reason = f": {out.cell(by.reason)}" if by is not None and by.reason else ""
    who = "" if by is None else f"   (rev {by.rev}, {out.cell(by.at)}, {out.cell(by.actor)}{reason})"
    head = f"{_SIGNS.get(change.action, '?')} {change.path}"
    if not change.fields:
        out.line(f"{head}{who}")
    for field in change.fields:
        name = field["path"].removeprefix("/").replace("/", ".")
        values = [
            json.dumps(field[side], ensure_ascii=False) if side in field else "-"
            for side in ("before", "after")
        ]
        out.line(f"{head} {out.cell(name)} {out.cell(values[0])} -> {out.cell(values[1])}{who}")
