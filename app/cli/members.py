"""`visor member ..`, `visor runner ..`: the platform's own parts, and what runs instances."""

import argparse

from app.cli.calling import Calling, reads, seconds, writes
from app.cli.output import Column

KINDS = ("pms", "proxies", "loggers")

_MEMBERS = [
    Column("ADDR", lambda member: member.addr),
    Column("KIND", lambda member: member.kind),
    Column("VERSION", lambda member: member.version),
    Column("TTL", lambda member: member.ttl),
    Column("SINCE", lambda member: member.created_at),
]
_RUNNERS = [
    Column("ADDR", lambda runner: runner.addr),
    Column("HOST", lambda runner: runner.host),
    Column("INSTANCE", lambda runner: runner.instance_id),
    Column("SINCE", lambda runner: runner.created_at),
]


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor member list`."""
    parser.add_argument("kind", choices=KINDS)

    def run(calling: Calling) -> None:
        listing = calling.visor.list_members(calling.flags.kind, **calling.moment)
        calling.out.items(listing.all(), _MEMBERS, listing.rev, f"no {calling.flags.kind}")

    reads(parser, run)


def put(parser: argparse.ArgumentParser) -> None:
    """`visor member set`."""
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("addr")
    parser.add_argument("--version", help="what it runs")
    parser.add_argument(
        "--ttl", type=seconds, metavar="TIME", help="it vanishes unless it is renewed in time"
    )

    def run(calling: Calling) -> None:
        flags = calling.flags
        made = calling.visor.set_member(
            flags.kind, flags.addr, version=flags.version, ttl=flags.ttl, **calling.given
        )
        calling.changed(made, f"{made.kind}: {made.addr} is there")

    writes(parser, run)


def delete(parser: argparse.ArgumentParser) -> None:
    """`visor member delete`."""
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("addr")

    def run(calling: Calling) -> None:
        flags = calling.flags
        done = calling.visor.unregister_member(flags.kind, flags.addr, **calling.given)
        calling.changed(done, f"{flags.kind}: {flags.addr} deleted")

    writes(parser, run)


def runners(parser: argparse.ArgumentParser) -> None:
    """`visor runner list`."""
    parser.add_argument("--host", help="only on this host")

    def run(calling: Calling) -> None:
        listing = calling.visor.list_runners(host=calling.flags.host, limit=1000, **calling.moment)
        calling.out.items(listing.all(), _RUNNERS, listing.rev, "no runners")

    reads(parser, run)


def create_runner(parser: argparse.ArgumentParser) -> None:
    """`visor runner create`."""
    parser.add_argument("addr", metavar="ADDR", help="host:port")
    parser.add_argument("instance", type=int, metavar="ID")

    def run(calling: Calling) -> None:
        made = calling.visor.register_runner(calling.flags.addr, calling.flags.instance, **calling.given)
        calling.changed(made, f"runner {made.addr} runs instance {made.instance_id}")

    writes(parser, run, condition=False)


def delete_runner(parser: argparse.ArgumentParser) -> None:
    """`visor runner delete`."""
    parser.add_argument("addr", metavar="ADDR")

    def run(calling: Calling) -> None:
        done = calling.visor.unregister_runner(calling.flags.addr, **calling.given)
        calling.changed(done, f"runner {calling.flags.addr} deleted")

    writes(parser, run)
