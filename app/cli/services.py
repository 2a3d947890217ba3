"""`visor service ..`, `visor endpoint ..`."""

import argparse

from app.cli.calling import Calling, reads, writes
from app.cli.output import Column

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


def show_all(parser: argparse.ArgumentParser) -> None:
    """`visor service list`."""

    def run(calling: Calling) -> None:
        listing = calling.visor.list_services(limit=1000, **calling.moment)
        calling.out.items(listing.all(), _SERVICES, listing.rev, "no services")

    reads(parser, run)


def create(parser: argparse.ArgumentParser) -> None:
    """`visor service create`."""
    parser.add_argument("name")

    def run(calling: Calling) -> None:
        made = calling.visor.register_service(calling.flags.name, **calling.given)
        calling.changed(made, f"service {made.name} created")

    writes(parser, run, condition=False)


def delete(parser: argparse.ArgumentParser) -> None:
    """`visor service delete`."""
    parser.add_argument("name")

    def run(calling: Calling) -> None:
        done = calling.visor.unregister_service(calling.flags.name, **calling.given)
        calling.changed(done, f"service {calling.flags.name} deleted")

    writes(parser, run)


def endpoints(parser: argparse.ArgumentParser) -> None:
    """`visor endpoint list`."""
    parser.add_argument("service")

    def run(calling: Calling) -> None:
        listing = calling.visor.list_endpoints(calling.flags.service, **calling.moment)
        calling.out.items(listing.all(), _ENDPOINTS, listing.rev, "no endpoints")

    reads(parser, run)


def create_endpoint(parser: argparse.ArgumentParser) -> None:
    """`visor endpoint create`."""
    parser.add_argument("service")
    parser.add_argument("addr", metavar="ADDR", help="a host")
    parser.add_argument("port", type=int)
    parser.add_argument("--ip", help="if not told, ADDR is resolved")
    parser.add_argument("--priority", type=int, default=0, help="as in an SRV record (0)")
    parser.add_argument("--weight", type=int, default=0, help="as in an SRV record (0)")
    parser.add_argument("--target", help="as in an SRV record")

    def run(calling: Calling) -> None:
        flags = calling.flags
        made = calling.visor.register_endpoint(
            flags.service,
            flags.addr,
            flags.port,
            ip=flags.ip,
            priority=flags.priority,
            weight=flags.weight,
            target=flags.target,
            **calling.given,
        )
        calling.changed(made, f"{made.service}: endpoint {made.id} created")

    writes(parser, run, condition=False)


def delete_endpoint(parser: argparse.ArgumentParser) -> None:
    """`visor endpoint delete`."""
    parser.add_argument("service")
    parser.add_argument("id", help="as `visor endpoint list` shows it")

    def run(calling: Calling) -> None:
        flags = calling.flags
        done = calling.visor.unregister_endpoint(flags.service, flags.id, **calling.given)
        calling.changed(done, f"{flags.service}: endpoint {flags.id} deleted")

    writes(parser, run)
