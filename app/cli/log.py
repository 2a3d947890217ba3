"""`visor log`, `visor show`: who changed what, and why."""

import argparse
from typing import TYPE_CHECKING, Any

from app.cli.calling import Calling, shared, when
from app.cli.diff import fields_of

if TYPE_CHECKING:
    from visor_client import Commit

SIGNS = {"create": "+", "register": "+", "delete": "-", "unregister": "-", "replace": "±"}


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor log`."""
    parser.add_argument("app", nargs="?", help="or a path: /services")
    parser.add_argument("--since", metavar="WHEN", help="after this rev or time: 42, -10m, 18:05")
    parser.add_argument("--until", metavar="WHEN", help="up to this rev or time")
    parser.add_argument("--actor", action="append", default=[], help="only by this one; repeatable")
    parser.add_argument("--all", action="store_true", help="also what hosts and the service itself do")
    parser.add_argument("-f", "--follow", action="store_true", help="go on for ever")
    parser.add_argument("-n", type=int, default=20, metavar="COUNT", help="how many of the newest (20)")
    shared(parser, _run)


def _run(calling: Calling) -> None:
    flags, visor = calling.flags, calling.visor
    path = None if flags.app is None else flags.app if flags.app.startswith("/") else f"/apps/{flags.app}"
    filters: dict[str, Any] = {"actor": flags.actor, "include": "all" if flags.all else "declared"}
    now = visor.get_rev().rev if flags.follow else None
    spans = {**_bound("since", flags.since), **_bound("until", flags.until)}
    if now is not None and "until_at" not in spans:
        spans["until"] = now
    commits: list[Commit] = []
    for commit in visor.list_commits(path, **spans, **filters, limit=min(flags.n, 1000)):
        commits.append(commit)
        if len(commits) == flags.n:
            break
    for commit in reversed(commits):
        _say(calling, commit)
    if now is None:
        return
    calling.out.flush()
    with visor.events(now) as stream:
        for message in stream:
            rev = getattr(message, "rev", now)
            if rev > now:
                for commit in visor.list_commits(path, since=now, until=rev, oldest_first=True, **filters):
                    _say(calling, commit)
                calling.out.flush()
                now = rev


def _bound(name: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    return {name: int(text)} if text.isascii() and text.isdigit() else {f"{name}_at": when(text)}


def _say(calling: Calling, commit: "Commit") -> None:
    out = calling.out
    if out.format in ("json", "jsonl"):
        out.json(commit.raw)
    elif out.format == "name":
        out.line(str(commit.rev))
    else:
        first = commit.changes[0] if commit.changes else None
        what = commit.request if first is None else f"{first.action} {first.path}"
        more = f" and {commit.total - 1} more" if commit.total > 1 else ""
        why = f"  ({out.cell(commit.reason)})" if commit.reason else ""
        out.line(
            f"{commit.rev}  {out.cell(commit.at)}  {out.cell(commit.actor)}  {out.cell(what)}{more}{why}"
        )


def show(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor show`."""
    parser.add_argument("rev", type=int, metavar="REV")

    def run(calling: Calling) -> None:
        out = calling.out
        commit = calling.visor.get_commit(calling.flags.rev)
        fields = [
            ("rev", commit.rev),
            ("at", commit.at),
            ("actor", commit.actor),
            ("request", commit.request),
            ("reason", commit.reason),
        ]
        out.details(commit, fields, commit.rev)
        if not out.for_people:
            return
        for change in commit.changes:
            head = f"{SIGNS.get(change.action, '~')} {change.path}"
            lines = fields_of(change.before, change.after) if change.before and change.after else []
            out.line(f"{head} {change.action}" if not lines else head)
            for line in lines:
                out.line(f"    {out.cell(line)}")

    shared(parser, run)
