"""The `visor` command."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from app import __version__, logs, openapi
from app.cli.parser import Parser
from app.errors import StartError
from app.main import create_app
from app.registry.restored import adjust
from app.server.server import VisorServer, build_config, listen, listening_at
from app.server.workers import Workers, command_of
from app.settings import Settings, load
from app.store.open import sqlite_path
from app.store.sqlite.backup import backup
from app.store.sqlite.restore import restore


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status. A StartError is one line on standard error, and 1."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except StartError as error:
        sys.stderr.write(f"visor: {error}\n")
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="visor", description="The registry of what runs on a platform.")
    parser.add_argument("--version", action="version", version=f"visor {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the service", description="Run the service.")
    _add_flags(serve, *Settings.model_fields)
    # How a worker is handed the socket that it shares with the others.
    serve.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)
    back = commands.add_parser(
        "backup",
        help="copy the store to a file",
        description="Copy the store to a file; the service may run.",
    )
    back.add_argument("file", type=Path, help="the backup to write; must not exist")
    _add_flags(back, "store")
    back.set_defaults(run=_backup)
    rest = commands.add_parser(
        "restore",
        help="put a backup in the store's place",
        description="Put a backup in the store's place; the service must not run. No rev is given twice.",
    )
    rest.add_argument("file", type=Path, help="the backup to read")
    rest.add_argument("--above", type=int, metavar="REV", help="a rev that the restored store must be above")
    _add_flags(rest, "store")
    rest.set_defaults(run=_restore)
    schema = commands.add_parser("openapi", help="print openapi.yaml", description="Print openapi.yaml.")
    schema.set_defaults(run=_openapi)
    return parser


def _add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        field = Settings.model_fields[name]
        default = ",".join(field.default) if isinstance(field.default, list) else field.default
        text = f"{field.description} (VISOR_{name.upper()}, default {default or 'none'})".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", dest=f"set_{name}", metavar="VALUE", help=text)


def _settings(arguments: argparse.Namespace) -> Settings:
    flags = {
        name.removeprefix("set_"): value
        for name, value in vars(arguments).items()
        if name.startswith("set_") and value is not None
    }
    return load(**flags)


def _serve(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    logs.configure(settings.log_format, settings.log_level)
    if settings.workers > 1 and arguments.fd is None:
        return _serve_many(settings)
    app = create_app(settings)
    socket = listen(settings.host, settings.port) if arguments.fd is None else listening_at(arguments.fd)
    config = build_config(
        app,
        host=settings.host,
        port=settings.port,
        header_timeout=settings.header_timeout,
        max_header=settings.max_header,
        send_timeout=settings.send_timeout,
        max_connections=settings.max_connections,
        shutdown_timeout=settings.shutdown_timeout,
        rev=lambda: app.state.visor.store.rev,
    )
    server = VisorServer(config)

    async def run() -> None:
        # Before the server starts: what keeps the store from opening is one line, not a traceback.
        await app.state.visor.store.open()
        await server.serve(sockets=[socket])

    def on_signal(number: int, frame: FrameType | None) -> None:
        # The server has signal handlers of its own while it runs, and passes on what it got at its end:
        # by then all is done, and that is no failure.
        if not server.started:
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with socket, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run())
    return 0 if server.started else 1


def _serve_many(settings: Settings) -> int:
    if not settings.store.startswith("etcd:"):
        raise StartError(
            f"VISOR_WORKERS (--workers) is {settings.workers}, but an embedded store belongs to one process: "
            "several need etcd"
        )
    with listen(settings.host, settings.port) as socket:
        return Workers(command_of(sys.argv[1:]), socket, settings.workers).run()


def _backup(arguments: argparse.Namespace) -> int:
    source = sqlite_path(_settings(arguments).store)
    backup(source, arguments.file)
    sys.stdout.write(f"backed up {source} to {arguments.file}\n")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    target = sqlite_path(_settings(arguments).store)
    rev = restore(arguments.file, target, above=arguments.above, adjust=adjust)
    sys.stdout.write(f"restored {target} from {arguments.file}: it starts at rev {rev}\n")
    return 0


def _openapi(arguments: argparse.Namespace) -> int:
    app = create_app(Settings(store="memory:"))
    sys.stdout.write(openapi.to_yaml(app.openapi()))
    return 0
