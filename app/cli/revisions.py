"""`visor revision ..`: versions of an app's code."""

import argparse

from app.cli.calling import Calling, reads, writes
from app.cli.output import Column

_COLUMNS = [
    Column("REF", lambda revision: revision.ref),
    Column("APP", lambda revision: revision.app),
    Column("STATE", lambda revision: revision.state),
    Column("CREATED", lambda revision: revision.created_at),
    Column("REV", lambda revision: revision.rev),
    Column("ARCHIVE", lambda revision: revision.archive_url, wide=True),
]


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor revision list`."""
    parser.add_argument("app", nargs="?")

    def run(calling: Calling) -> None:
        visor, app = calling.visor, calling.flags.app
        listing = (
            visor.list_all_revisions(limit=1000, **calling.moment)
            if app is None
            else visor.list_revisions(app, **calling.moment)
        )
        calling.out.items(listing.all(), _COLUMNS, listing.rev, "no revisions")

    reads(parser, run)


def show(parser: argparse.ArgumentParser) -> None:
    """`visor revision show`."""
    parser.add_argument("app")
    parser.add_argument("ref")

    def run(calling: Calling) -> None:
        found = calling.visor.get_revision(calling.flags.app, calling.flags.ref, **calling.moment)
        fields = [
            ("app", found.app),
            ("ref", found.ref),
            ("state", found.state),
            ("archive", found.archive_url),
            ("created", found.created_at),
            ("rev", found.rev),
        ]
        calling.out.details(found, fields, found.ref)

    reads(parser, run)


def propose(parser: argparse.ArgumentParser) -> None:
    """`visor revision propose`."""
    parser.add_argument("app")
    parser.add_argument("ref")
    parser.add_argument("--archive", metavar="URL", help="it is built: accepted at once")

    def run(calling: Calling) -> None:
        flags = calling.flags
        made = calling.visor.register_revision(
            flags.app, flags.ref, archive_url=flags.archive, **calling.given
        )
        calling.changed(made, f"{made.app}: revision {made.ref} {made.state}")

    writes(parser, run, condition=False)


def ratify(parser: argparse.ArgumentParser) -> None:
    """`visor revision ratify`."""
    parser.add_argument("app")
    parser.add_argument("ref")
    parser.add_argument("archive", metavar="URL", help="where its archive is")

    def run(calling: Calling) -> None:
        flags = calling.flags
        made = calling.visor.ratify_revision(flags.app, flags.ref, flags.archive, **calling.given)
        calling.changed(made, f"{made.app}: revision {made.ref} {made.state}")

    writes(parser, run)


def delete(parser: argparse.ArgumentParser) -> None:
    """`visor revision delete`."""
    parser.add_argument("app")
    parser.add_argument("ref")

    def run(calling: Calling) -> None:
        flags = calling.flags
        done = calling.visor.unregister_revision(flags.app, flags.ref, **calling.given)
        calling.changed(done, f"{flags.app}: revision {flags.ref} deleted")

    writes(parser, run)
