"""`visor hosts`, `visor host`: what runs where."""

import argparse
from collections import Counter, defaultdict
from typing import Any

from app.cli.calling import Calling, reads
from app.cli.instances_shown import COLUMNS
from app.cli.output import Column
from app.cli.shapes import lists

_ACTIVE = ("claimed", "running", "stopping")


class HostLoad:
    """A host, and how many instances of each status it has."""

    def __init__(self, host: str, statuses: Counter[str], apps: set[str]) -> None:
        self.host = host
        self.statuses = statuses
        self.apps = apps

    @property
    def raw(self) -> dict[str, Any]:
        """As JSON."""
        counts = {status: self.statuses[status] for status in _ACTIVE}
        return {"host": self.host, **counts, "apps": sorted(self.apps)}


_HOSTS = [
    Column("HOST", lambda load: load.host),
    Column("RUNNING", lambda load: load.statuses["running"]),
    Column("CLAIMED", lambda load: load.statuses["claimed"]),
    Column("STOPPING", lambda load: load.statuses["stopping"]),
    Column("APPS", lambda load: len(load.apps)),
]


def loads(instances: Any) -> list[HostLoad]:
    """Hosts by name, from the instances that they hold."""
    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    apps: dict[str, set[str]] = defaultdict(set)
    for each in instances:
        if each.host is not None:
            statuses[each.host][each.status] += 1
            apps[each.host].add(each.app)
    return [HostLoad(host, statuses[host], apps[host]) for host in sorted(statuses)]


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor hosts`."""

    def run(calling: Calling) -> None:
        listing = calling.visor.list_instances(status=_ACTIVE, limit=1000, **calling.moment)
        calling.out.items(loads(listing), _HOSTS, listing.rev, "no host has claimed an instance")

    reads(parser, run)


show = lists(
    lambda c: c.visor.list_instances(status=["active"], host=[c.flags.host], limit=1000, **c.moment),
    COLUMNS,
    "nothing runs on {flags.host}",
    "host",
)
