"""`visor ps`, `visor instance ID`: instances as they are."""

import argparse
from typing import Any

from app.cli.calling import Calling, reads
from app.cli.output import Column

STATUSES = ("pending", "claimed", "running", "stopping", "exited", "failed", "lost")

COLUMNS = [
    Column("ID", lambda instance: instance.id),
    Column("APP", lambda instance: instance.app),
    Column("PROC", lambda instance: instance.proctype),
    Column("REVISION", lambda instance: instance.revision),
    Column("STATUS", lambda instance: instance.status),
    Column("HOST", lambda instance: instance.host),
    Column("PORT", lambda instance: instance.port),
    Column("SINCE", lambda instance: since(instance)),
    Column("ENV", lambda instance: instance.env, wide=True),
    Column("HOSTNAME", lambda instance: instance.hostname, wide=True),
    Column("RESTARTS", lambda instance: instance.restarts.fail + instance.restarts.oom, wide=True),
    Column("REASON", lambda instance: instance.reason, wide=True),
]


def since(instance: Any) -> object:
    """Since when it has the status that it has."""
    times = {
        "claimed": instance.claimed_at,
        "running": instance.started_at,
        "stopping": instance.stopped_at,
        "exited": instance.ended_at,
        "failed": instance.ended_at,
        "lost": instance.ended_at,
    }
    return times.get(instance.status) or instance.updated_at


def ps(parser: argparse.ArgumentParser) -> None:
    """`visor ps`."""
    parser.add_argument("what", nargs="?", metavar="APP[/PROC]")
    parser.add_argument("-a", "--all", action="store_true", help="final ones too")
    parser.add_argument("--status", action="append", choices=STATUSES, metavar="STATUS", help="repeatable")
    parser.add_argument("--revision", action="append", default=[], metavar="REF", help="repeatable")
    parser.add_argument("--host", action="append", default=[], help="repeatable")

    def run(calling: Calling) -> None:
        flags, visor = calling.flags, calling.visor
        status = flags.status or ([] if flags.all else ["active"])
        app, _, proctype = (flags.what or "").partition("/")
        shared = {"status": status, "revision": flags.revision, "host": flags.host, "limit": 1000}
        if proctype:
            listing = visor.list_proctype_instances(app, proctype, **shared, **calling.moment)
        elif app:
            listing = visor.list_app_instances(app, **shared, **calling.moment)
        else:
            listing = visor.list_instances(**shared, **calling.moment)
        calling.out.items(listing.all(), COLUMNS, listing.rev, "no instances")

    reads(parser, run)


def show(parser: argparse.ArgumentParser) -> None:
    """`visor instance ID`."""
    parser.add_argument("id", type=int)

    def run(calling: Calling) -> None:
        instance = calling.visor.get_instance(calling.flags.id, **calling.moment)
        lock = instance.lock
        fields = [
            ("id", instance.id),
            ("app", instance.app),
            ("proc", instance.proctype),
            ("revision", instance.revision),
            ("env", instance.env),
            ("status", instance.status),
            ("host", instance.host),
            ("port", instance.port),
            ("restarts", f"{instance.restarts.fail} failed, {instance.restarts.oom} out of memory"),
            ("lock", None if lock is None else f"{lock.client}: {lock.reason}"),
            ("reason", instance.reason),
            ("registered", instance.registered_at),
            ("claimed", instance.claimed_at),
            ("started", instance.started_at),
            ("stopped", instance.stopped_at),
            ("ended", instance.ended_at),
            ("rev", instance.rev),
        ]
        calling.out.details(instance, fields, instance.id)
        if calling.out.for_people:
            for claim in instance.claims:
                error = f"  {claim.error}" if claim.error else ""
                calling.out.line(f"claim:      {claim.host}  {calling.out.cell(claim.at)}{error}")

    reads(parser, run)
