"""The command `visor demo`."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from app.errors import StartError

if TYPE_CHECKING:
    from app.cli.contexts import ServiceAddress
    from app.cli.demo.clock import DemoClock
    from app.cli.demo.platform import DemoPlatform
    from app.main import WiredService


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor demo`."""
    parser.add_argument("--apps", type=int, default=12, metavar="N", help="apps (12)")
    parser.add_argument("--hosts", type=int, default=6, metavar="N", help="hosts (6)")
    parser.add_argument(
        "--seed",
        type=int,
        default=7,
        metavar="N",
        help="seed of the random day: the same seed gives the same day (7)",
    )
    parser.add_argument(
        "--speed", type=float, default=20, metavar="N", help="how much faster than real time it runs (20)"
    )
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port to serve on (8000)")
    parser.add_argument("--url", help="use an existing service instead; the demo's names begin with demo-")
    parser.add_argument(
        "--clean", action="store_true", help="with --url: remove what earlier demos left there"
    )
    parser.set_defaults(run=_run)


def _run(flags: argparse.Namespace) -> int:
    for name, least in (("apps", 1), ("hosts", 1), ("speed", 0.1)):
        if getattr(flags, name) < least:
            raise StartError(f"--{name} is at least {least}")
    if flags.url is None and flags.clean:
        raise StartError("--clean needs --url, the address of an existing service")
    return _serve(flags) if flags.url is None else _visit(flags)


def _visit(flags: argparse.Namespace) -> int:
    """A service that exists is driven, or cleaned."""
    from app.cli.calling import explain
    from app.cli.contexts import choose
    from app.cli.demo.cleaning import PREFIX, clean
    from visor_client import ClientError, Visor

    service = choose(flags.url, None)
    try:
        with Visor(
            service.url, token=service.token, actor="visor-demo", retry_for=5, **service.files
        ) as visor:
            removed = clean(visor)
        if flags.clean:
            sys.stdout.write(f"removed {removed} apps of demos\n")
            return 0
        platform = _platform(flags, service.url, PREFIX, lambda moment: None, service)
        asyncio.run(_drive(flags, platform, lambda: None))
    except ClientError as error:
        return explain(error)
    except KeyboardInterrupt:
        sys.stderr.write(f"\nwhat it made is still there: visor demo --url {flags.url} --clean\n")
        raise
    return 0


def _serve(flags: argparse.Namespace) -> int:
    """A service of its own, in memory."""
    import logging

    from app import logs
    from app.cli.demo.clock import DemoClock
    from app.server.server import VisorServer, build_config, listen, run_to_its_end
    from app.settings import LogFormat, LogLevel

    logs.configure(LogFormat.TEXT, LogLevel.WARNING)
    # The day's deeds overlap, and its clock goes back a little at times.
    logging.getLogger("app.store.clock_watch").setLevel(logging.ERROR)
    clock = DemoClock()
    app = _service(flags.port, clock)
    listening = listen("127.0.0.1", flags.port)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    platform = _platform(
        flags, url, "", lambda moment: clock.let_go() if moment is None else clock.set(moment)
    )
    started = asyncio.Event()
    config = build_config(
        app.front,
        host="127.0.0.1",
        port=flags.port,
        shutdown_timeout=1,
        rev=lambda: app.context.store.rev,
        admission=app.admission,
        refusals=app.refusals,
    )
    server = VisorServer(config, app.stop, on_started=started.set)

    async def drive() -> None:
        await started.wait()
        try:
            await _drive(flags, platform, clock.let_go)
        finally:
            server.should_exit = True

    async def run() -> None:
        await app.context.store.open()
        driving = asyncio.create_task(drive())
        await server.serve(sockets=[listening])
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        if driving.done() and not driving.cancelled() and (error := driving.exception()) is not None:
            raise error

    run_to_its_end(server, listening, run)
    return 0


def _service(port: int, clock: "DemoClock") -> "WiredService":
    from app.main import create_app
    from app.registry.readable import index
    from app.settings import Settings
    from app.store.embedded.memory_log import NoLog
    from app.store.embedded.store import EmbeddedStore

    # Of its own, whatever VISOR_* says of another service.
    settings = Settings(store="memory:", port=port, final_kept=7 * 86_400, shutdown_timeout=1)
    store = EmbeddedStore(
        NoLog(),
        index,
        history=settings.history,
        history_bytes=settings.history_bytes,
        memory_revs=settings.history,
        clock=clock,
    )
    return create_app(settings, store)


def _platform(
    flags: argparse.Namespace,
    url: str,
    prefix: str,
    tick: Callable[[datetime | None], None],
    service: "ServiceAddress | None" = None,
) -> "DemoPlatform":
    from app.cli.demo.cast import apps_of, hosts_of
    from app.cli.demo.platform import DemoPlatform

    random = Random(flags.seed)
    apps, hosts = apps_of(random, flags.apps, prefix), hosts_of(flags.hosts)
    if service is None:
        return DemoPlatform(url, random, apps, hosts, tick)
    return DemoPlatform(url, random, apps, hosts, tick, service.token, **service.files)


async def _drive(flags: argparse.Namespace, platform: "DemoPlatform", let_go: Callable[[], None]) -> None:
    from app.cli.demo.day import live_through
    from app.cli.demo.live import live_on

    now = datetime.now().astimezone()
    try:
        await live_through(platform, now, _progress)
        let_go()
        _say(_welcome(flags, platform, now))
        await live_on(platform, flags.speed, _tell)
    finally:
        await platform.close()


def _progress(part: float) -> None:
    if sys.stderr.isatty():
        end = "\r\x1b[K" if part >= 1 else ""
        sys.stderr.write(f"\ra day passes {'#' * int(part * 40):<40}{end}")
        sys.stderr.flush()


def _tell(news: str) -> None:
    _say(f"{datetime.now().astimezone():%H:%M:%S}  {news}\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def things_to_try(app: str, now: datetime) -> list[tuple[str, str]]:
    """Five commands, and what each answers."""
    from app.cli.demo.day import trouble_of

    # A time of day is the last such time; for half an hour that is not yet the one of the trouble.
    last = trouble_of(now).date() == now.date() or now.hour < 18
    before, start, after = (each if last else f"'yesterday {each}'" for each in ("18:03", "18:00", "18:05"))
    return [
        ("visor status", "what needs me?"),
        (f"visor ps {app}", f"where does {app} run, and since when?"),
        (f"visor diff {before} {after} /apps/{app}", "what changed at 18:04, and who changed it?"),
        (f"visor app {app} --at {before}", "how was it before?"),
        (f"visor log {app} --since {start}", "what became of it?"),
    ]


def _welcome(flags: argparse.Namespace, platform: "DemoPlatform", now: datetime) -> str:
    size = f"{len(platform.apps)} apps on {len(platform.hosts)} hosts"
    lines = [f"{platform.url}/ui shows {size}, and the day behind them.\n"]
    if platform.url != "http://127.0.0.1:8000":
        lines.append(f"In another terminal:  export VISOR_URL={platform.url}\n")
    lines.append("Try:\n")
    things = things_to_try(platform.apps[0].name, now)
    width = max(len(command) for command, _ in things)
    lines += [f"  {command:<{width}}   {question}" for command, question in things]
    clean = f"; afterwards: visor demo --url {platform.url} --clean" if flags.url else ""
    return "\n".join([*lines, f"\nIt goes on until Ctrl-C{clean}.\n", ""])
