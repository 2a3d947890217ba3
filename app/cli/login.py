"""`visor login`, `visor context`: services that are kept by name."""

import argparse
import getpass
import os
import sys
from pathlib import Path

from app.cli.contexts import Contexts, ServiceAddress, config_file, load, save
from app.errors import StartError
from app.slips import nearest


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor login`."""
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--name", help="the name of the context; default: the host of the URL")
    parser.add_argument(
        "--ca", metavar="FILE", help="file with the CA that signed the service's certificate (VISOR_CA)"
    )
    parser.add_argument("--cert", metavar="FILE", help="file with a client certificate (VISOR_CERT)")
    parser.add_argument("--key", metavar="FILE", help="its key (VISOR_KEY)")
    parser.add_argument("--no-token", action="store_true", help="do not ask for a token")
    parser.set_defaults(run=_login)


def _login(flags: argparse.Namespace) -> int:
    from urllib.parse import urlsplit

    from app.cli.calling import explain
    from visor_client import ClientError, Visor

    host = urlsplit(flags.url).hostname
    if host is None or urlsplit(flags.url).scheme not in ("http", "https"):
        raise StartError(f"{flags.url} is no URL of a service: http://127.0.0.1:8000")
    token = None if flags.no_token else _token()
    # With their whole paths: they are looked for wherever a command is run.
    files = {name: _whole(name, getattr(flags, name)) for name in ("ca", "cert", "key")}
    service = ServiceAddress(flags.url.rstrip("/"), token, **files)
    try:
        with Visor(service.url, token=token, retry_for=2, **service.files) as visor:
            visor.get_rev()
    except ClientError as error:
        return explain(error)
    except ValueError as error:
        raise StartError(str(error)) from None
    name, kept = flags.name or host, load()
    save(Contexts({**kept.services, name: service}, name))
    sys.stdout.write(f"{name} is kept in {config_file()}, and in use\n")
    return 0


def _whole(name: str, flag: str | None) -> str | None:
    file = flag or os.environ.get(f"VISOR_{name.upper()}")
    return str(Path(file).absolute()) if file else None


def _token() -> str | None:
    """From the terminal, unseen, or from standard input: a flag would stand in the list of processes."""
    if sys.stdin.isatty():
        return getpass.getpass("Token (empty: none): ").strip() or None
    return sys.stdin.readline().strip() or None


def contexts(parser: argparse.ArgumentParser) -> None:
    """The arguments of `visor context`."""
    parser.add_argument("name", nargs="?", help="the context to use from now on")
    parser.add_argument("--delete", action="store_true", help="forget it")
    parser.set_defaults(run=_contexts)


def _contexts(flags: argparse.Namespace) -> int:
    kept = load()
    if flags.name is None:
        for name, service in kept.services.items():
            sys.stdout.write(f"{'*' if name == kept.current else ' '} {name}  {service.url}\n")
        return 0
    if flags.name not in kept.services:
        meant = nearest(flags.name, kept.services)
        raise StartError(f"there is no context {flags.name}{f'; did you mean {meant}?' if meant else ''}")
    if flags.delete:
        left = {name: service for name, service in kept.services.items() if name != flags.name}
        save(Contexts(left, None if kept.current == flags.name else kept.current))
    else:
        save(Contexts(kept.services, flags.name))
    return 0
