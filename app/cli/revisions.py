"""`visor revision ..`: versions of an app's code."""

import argparse
from typing import Any

from app.cli.calling import Calling, reads
from app.cli.output import Column
from app.cli.shapes import arg, lists, writing

_COLUMNS = [
    Column("REF", lambda revision: revision.ref),
    Column("APP", lambda revision: revision.app),
    Column("STATE", lambda revision: revision.state),
    Column("CREATED", lambda revision: revision.created_at),
    Column("REV", lambda revision: revision.rev),
    Column("ARCHIVE", lambda revision: revision.archive_url, wide=True),
]


def _list(calling: Calling) -> Any:
    visor, app = calling.visor, calling.flags.app
    if app is None:
        return visor.list_all_revisions(limit=1000, **calling.moment)
    return visor.list_revisions(app, **calling.moment)


show_all = lists(_list, _COLUMNS, "no revisions", arg("app", nargs="?"))


def show(parser: argparse.ArgumentParser) -> None:
    """`visor revision show`."""
    parser.add_argument("app")
    parser.add_argument("ref")

    def run(calling: Calling) -> None:
        revision = calling.visor.get_revision(calling.flags.app, calling.flags.ref, **calling.moment)
        fields = [
            ("app", revision.app),
            ("ref", revision.ref),
            ("state", revision.state),
            ("archive", revision.archive_url),
            ("created", revision.created_at),
            ("rev", revision.rev),
        ]
        calling.out.details(revision, fields, revision.ref)

    reads(parser, run)


propose = writing(
    lambda c: c.visor.register_revision(c.flags.app, c.flags.ref, archive_url=c.flags.archive, **c.given),
    "{made.app}: revision {made.ref} {made.state}",
    "app",
    "ref",
    arg("--archive", metavar="URL", help="URL of its archive, if it is built: it is accepted at once"),
    condition=False,
)


ratify = writing(
    lambda c: c.visor.ratify_revision(c.flags.app, c.flags.ref, c.flags.archive, **c.given),
    "{made.app}: revision {made.ref} {made.state}",
    "app",
    "ref",
    arg("archive", metavar="URL", help="where its archive is"),
)


delete = writing(
    lambda c: c.visor.unregister_revision(c.flags.app, c.flags.ref, **c.given),
    "{flags.app}: revision {flags.ref} deleted",
    "app",
    "ref",
)
