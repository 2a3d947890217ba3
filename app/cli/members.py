"""`visor member ..`, `visor runner ..`: the platform's own parts, and what runs instances."""

from app.cli.calling import seconds
from app.cli.output import Column
from app.cli.shapes import arg, lists, writing

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


_KIND = arg("kind", choices=KINDS)

show_all = lists(lambda c: c.visor.list_members(c.flags.kind, **c.moment), _MEMBERS, "no {flags.kind}", _KIND)


put = writing(
    lambda c: c.visor.set_member(
        c.flags.kind, c.flags.addr, version=c.flags.version, ttl=c.flags.ttl, **c.given
    ),
    "{made.kind}: {made.addr} is there",
    _KIND,
    "addr",
    arg("--version", help="what it runs"),
    arg("--ttl", type=seconds, metavar="TIME", help="seconds after which it is removed unless it is renewed"),
)


delete = writing(
    lambda c: c.visor.unregister_member(c.flags.kind, c.flags.addr, **c.given),
    "{flags.kind}: {flags.addr} deleted",
    _KIND,
    "addr",
)


runners = lists(
    lambda c: c.visor.list_runners(host=c.flags.host, limit=1000, **c.moment),
    _RUNNERS,
    "no runners",
    arg("--host", help="only on this host"),
)


create_runner = writing(
    lambda c: c.visor.register_runner(c.flags.addr, c.flags.instance, **c.given),
    "runner {made.addr} runs instance {made.instance_id}",
    arg("addr", metavar="ADDR", help="host:port"),
    arg("instance", type=int, metavar="ID"),
    condition=False,
)


delete_runner = writing(
    lambda c: c.visor.unregister_runner(c.flags.addr, **c.given),
    "runner {flags.addr} deleted",
    arg("addr", metavar="ADDR"),
)
