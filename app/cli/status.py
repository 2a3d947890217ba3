"""`visor status`: what needs attention, and what there is."""

import argparse
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from app.cli import calling as shared_flags
from app.cli.calling import Calling, reads
from app.cli.hosts import loads
from app.cli.instances_shown import STATUSES
from app.cli.output import Output

_PATIENCE = timedelta(seconds=60)
_RECENT = timedelta(hours=1)
_SHOWN = 10


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor status`."""
    reads(parser, _run)


def _run(calling: Calling) -> None:
    visor, out = calling.visor, calling.out
    listing = visor.list_apps(limit=1000, **calling.moment)
    apps = listing.all()
    rev = listing.rev or 0
    info = visor.get_rev(rev=rev)
    instances = visor.list_instances(limit=1000, rev=rev).all()
    counts = Counter(each.status for each in instances)
    hosts = loads(each for each in instances if each.status in ("claimed", "running", "stopping"))
    now = shared_flags.clock() if not calling.moment else info.at or shared_flags.clock()
    needs = _needs(out, instances, now)
    if out.format == "name":
        out.line(str(rev))
    elif not out.for_people:
        out.json(
            {
                "rev": rev,
                "oldest_rev": info.oldest_rev,
                "apps": len(apps),
                "hosts": len(hosts),
                "instances": {status: counts[status] for status in STATUSES},
                "needs_you": needs,
            }
        )
    else:
        at = "" if info.at is None else f", {out.cell(info.at)}"
        states = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
        out.line(f"service    {visor.url}")
        out.line(f"rev        {rev}{at}; history from {info.oldest_rev}")
        out.line(f"apps       {len(apps)}")
        out.line(f"hosts      {len(hosts)}")
        out.line(f"instances  {states or 'none'}")
        out.line("needs you  nothing" if not needs else f"needs you  {needs[0]}")
        for need in needs[1:_SHOWN]:
            out.line(f"           {need}")
        if len(needs) > _SHOWN:
            out.line(f"           and {len(needs) - _SHOWN} more: `visor ps -a`")


def _needs(out: Output, instances: Iterable[Any], now: datetime) -> list[str]:
    """What waits for long, and what has gone wrong lately."""
    needs = []
    for each in instances:
        name = f"{each.app} {each.proctype} #{each.id}"
        if each.status == "pending" and now - each.updated_at > _PATIENCE:
            needs.append(f"{name} is pending since {out.cell(each.updated_at)}")
        if each.status in ("failed", "lost") and each.ended_at and now - each.ended_at < _RECENT:
            reason = f": {out.cell(each.reason)}" if each.reason else ""
            needs.append(f"{name} {each.status} {out.cell(each.ended_at)}{reason}")
    return needs
