"""`visor apps`, `visor app ..`: apps."""

import argparse
from typing import TYPE_CHECKING

from app.cli.calling import Calling, reads, writes
from app.cli.output import Column
from app.cli.shapes import arg, lists, writing

if TYPE_CHECKING:
    from visor_client import Moment

_COLUMNS = [
    Column("NAME", lambda app: app.name),
    Column("HEAD", lambda app: app.head),
    Column("VARIABLES", lambda app: len(app.env)),
    Column("CHANGED", lambda app: app.updated_at),
    Column("REV", lambda app: app.rev),
    Column("TYPE", lambda app: app.deploy_type, wide=True),
    Column("STACK", lambda app: app.stack, wide=True),
    Column("REPOSITORY", lambda app: app.repo_url, wide=True),
]


show_all = lists(
    lambda c: c.visor.list_apps(limit=1000, **c.moment),
    _COLUMNS,
    "no apps: `visor app create` registers one",
)


def show(parser: argparse.ArgumentParser) -> None:
    """`visor app APP`."""
    parser.add_argument("app")

    def run(calling: Calling) -> None:
        visor, out = calling.visor, calling.out
        app = visor.get_app(calling.flags.app, **calling.moment)
        out.details(
            app,
            [
                ("name", app.name),
                ("type", app.deploy_type),
                ("repo", app.repo_url),
                ("stack", app.stack),
                ("head", app.head),
                ("changed", app.updated_at),
                ("rev", app.rev),
            ],
            app.name,
        )
        if not out.for_people:
            return
        # All of one page is of one snapshot.
        moment: Moment = {} if app.snapshot_rev is None else {"rev": app.snapshot_rev}
        for key, value in app.env.items():
            out.line(f"env:     {key}={out.cell(value)}")
        for proctype in visor.list_proctypes(app.name, **moment):
            for count in visor.get_scale(app.name, proctype.name, **moment):
                target = "" if count.target is None else f" of {count.target}"
                env = f" env {count.env}" if count.env else ""
                states = ", ".join(f"{name} {n}" for name, n in count.statuses.raw.items() if n)
                out.line(f"proc:    {proctype.name} {count.revision}{env}: {count.count}{target} ({states})")

    reads(parser, run)


create = writing(
    lambda c: c.visor.register_app(
        c.flags.name, c.flags.repo, c.flags.stack, deploy_type=c.flags.type, **c.given
    ),
    "app {made.name} created",
    "name",
    arg("--repo", required=True, metavar="URL", help="where its source is"),
    arg("--stack", required=True, help="what it runs on"),
    arg("--type", help="how it is deployed (lxc)"),
    condition=False,
)


def change(parser: argparse.ArgumentParser) -> None:
    """`visor app set`."""
    parser.add_argument("app")
    parser.add_argument("--repo", metavar="URL", help="where its source is")
    parser.add_argument("--stack", help="what it runs on")
    parser.add_argument("--type", help="how it is deployed")
    head = parser.add_mutually_exclusive_group()
    head.add_argument("--head", metavar="REF", help="the current revision")
    head.add_argument("--no-head", action="store_true", help="no revision is the current one")

    def run(calling: Calling) -> None:
        flags = calling.flags
        wanted = {"repo_url": flags.repo, "stack": flags.stack, "deploy_type": flags.type, "head": flags.head}
        patch = {name: value for name, value in wanted.items() if value is not None}
        if flags.no_head:
            patch["head"] = None
        if not patch:
            raise ValueError("nothing to change: give --repo, --stack, --type, --head or --no-head")
        app = calling.visor.patch_app(flags.app, patch, **calling.given)
        changed = ", ".join(f"{name} {value}" for name, value in patch.items())
        calling.changed(app, f"app {app.name}: {changed}")

    writes(parser, run)


delete = writing(lambda c: c.visor.unregister_app(c.flags.app, **c.given), "app {flags.app} deleted", "app")
