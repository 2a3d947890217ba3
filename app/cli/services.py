"""`visor service ..`, `visor endpoint ..`."""

from typing import Any

from app.cli.calling import Calling
from app.cli.output import Column
from app.cli.shapes import arg, lists, writing

_SERVICES = [
    Column("NAME", lambda service: service.name),
    Column("CREATED", lambda service: service.created_at),
    Column("REV", lambda service: service.rev),
]
_ENDPOINTS = [
    Column("ID", lambda endpoint: endpoint.id),
    Column("ADDR", lambda endpoint: endpoint.addr),
    Column("PORT", lambda endpoint: endpoint.port),
    Column("IP", lambda endpoint: endpoint.ip),
    Column("PRIORITY", lambda endpoint: endpoint.priority),
    Column("WEIGHT", lambda endpoint: endpoint.weight),
    Column("TARGET", lambda endpoint: endpoint.target, wide=True),
]


show_all = lists(lambda c: c.visor.list_services(limit=1000, **c.moment), _SERVICES, "no services")


create = writing(
    lambda c: c.visor.register_service(c.flags.name, **c.given),
    "service {made.name} created",
    "name",
    condition=False,
)


delete = writing(
    lambda c: c.visor.unregister_service(c.flags.name, **c.given), "service {flags.name} deleted", "name"
)


endpoints = lists(
    lambda c: c.visor.list_endpoints(c.flags.service, **c.moment), _ENDPOINTS, "no endpoints", "service"
)


def _register_endpoint(calling: Calling) -> Any:
    flags = calling.flags
    srv = {name: getattr(flags, name) for name in ("ip", "priority", "weight", "target")}
    return calling.visor.register_endpoint(flags.service, flags.addr, flags.port, **srv, **calling.given)


create_endpoint = writing(
    _register_endpoint,
    "{made.service}: endpoint {made.id} created",
    "service",
    arg("addr", metavar="ADDR", help="a host"),
    arg("port", type=int),
    arg("--ip", help="default: the address that ADDR resolves to"),
    arg("--priority", type=int, default=0, help="as in an SRV record (0)"),
    arg("--weight", type=int, default=0, help="as in an SRV record (0)"),
    arg("--target", help="as in an SRV record"),
    condition=False,
)


delete_endpoint = writing(
    lambda c: c.visor.unregister_endpoint(c.flags.service, c.flags.id, **c.given),
    "{flags.service}: endpoint {flags.id} deleted",
    "service",
    arg("id", help="as `visor endpoint list` shows it"),
)
