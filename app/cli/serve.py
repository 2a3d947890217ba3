"""`visor serve`."""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app import logs
from app.cli.flags import add_flags, settings_of
from app.cli.greeting import Greeting
from app.errors import StartError
from app.http.context import Context
from app.lifespan import check_stance, open_checked, reload_keyring
from app.main import WiredService, create_app
from app.server.config import ConnectionConfig
from app.server.notifier import Notifier
from app.server.server import VisorServer, build_config, listen, listening_at, run_to_its_end
from app.server.tls import Tls
from app.server.workers import Workers, command_of
from app.settings import Settings

logger = logging.getLogger(__name__)


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor serve`."""
    add_flags(parser, *Settings.model_fields)
    # How a worker is handed the socket that it shares with the others.
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    logs.configure(settings.log_format, settings.log_level)
    if settings.audit_log is not None:
        logs.audit_to(settings.audit_log)
    # By each worker for itself, and here for all: what is wrong with the files is said once.
    tls = Tls.of(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    if arguments.fd is not None:
        return _serve(settings, tls, listening_at(arguments.fd))
    if settings.workers > 1:
        return _serve_by_workers(settings)
    return _serve(settings, tls, None)


def _reloads(settings: Settings) -> bool:
    """Whether there is something to read again at SIGHUP. Else it ends the service, as when its terminal is
    gone."""
    return settings.keyring_file is not None or settings.tls_cert is not None


def _serve(settings: Settings, tls: Tls | None, listening: socket.socket | None) -> int:
    if _reloads(settings):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something that could be read again
    app = create_app(settings)
    context = app.context
    listening = listening or listen(settings.host, settings.port)
    greeting = Greeting(
        settings, listening, context.store, lambda: context.access.closed(context.store.stale())
    )
    server = VisorServer(
        _config(settings, app, tls),
        app.stop,
        on_started=greeting.say,
        drain=settings.drain,
        on_draining=app.begin_draining,
        notifier=Notifier.of(os.environ),
        on_hangup=(lambda: _reload(settings, context, tls, server)) if _reloads(settings) else None,
    )
    run_to_its_end(server, listening, lambda: _run_server(settings, context, server, listening))
    return 0 if server.started else 1


def _config(settings: Settings, app: WiredService, tls: Tls | None) -> ConnectionConfig:
    return build_config(
        app.front,
        host=settings.host,
        port=settings.port,
        header_timeout=settings.header_timeout,
        max_header=settings.max_header,
        send_timeout=settings.send_timeout,
        max_connections=settings.max_connections,
        shutdown_timeout=settings.shutdown_timeout,
        rev=lambda: app.context.store.rev,
        admission=app.admission,
        refusals=app.refusals,
        root_path=settings.root_path,
        tls=tls,
    )


def _reload(settings: Settings, context: Context, tls: Tls | None, server: VisorServer) -> None:
    if settings.keyring_file is not None:
        with _kept_if_wrong():
            reload_keyring(context, settings.keyring_file)
    if tls is not None:
        with _kept_if_wrong():
            if tls.reload():
                server.retire_certified()


async def _run_server(
    settings: Settings, context: Context, server: VisorServer, listening: socket.socket
) -> None:
    # Before the server starts: what keeps the store from opening is one line, not a traceback.
    await open_checked(context)
    try:
        check_stance(settings, context)
    except StartError:
        await context.store.close()
        raise
    await server.serve(sockets=[listening])
    if server.abandoned:
        # A thread that waits for a disk would keep the process for as long as the disk does.
        logging.shutdown()
        os._exit(1)


@contextmanager
def _kept_if_wrong() -> Iterator[None]:
    try:
        yield
    except StartError as error:
        logger.error("%s; what was read before stays in use", error)


def _serve_by_workers(settings: Settings) -> int:
    if not settings.store.startswith("etcd:"):
        raise StartError(
            f"VISOR_WORKERS (--workers) is {settings.workers}, but an embedded store belongs to one process: "
            "several need etcd"
        )
    with listen(settings.host, settings.port) as listening:
        return Workers(
            command_of(sys.argv[1:]), listening, settings.workers, reloads=_reloads(settings)
        ).run()
