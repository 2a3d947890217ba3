"""`visor env ..`, `visor find`: variables of apps."""

import argparse
import sys
from pathlib import Path

from app.cli.calling import Calling, reads, writes
from app.cli.output import Column
from app.errors import StartError


def assignments(given: list[str]) -> dict[str, str]:
    """`KEY=VALUE` arguments. Raises ValueError."""
    variables = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise ValueError(f"{each!r} is no KEY=VALUE")
        variables[key] = value
    return variables


def get(parser: argparse.ArgumentParser) -> None:
    """`visor env get`."""
    parser.add_argument("app")
    parser.add_argument("key", nargs="?", help="only the value of this one")

    def run(calling: Calling) -> None:
        flags, out = calling.flags, calling.out
        if flags.key is not None:
            variable = calling.visor.get_env_var(flags.app, flags.key, **calling.moment)
            if out.for_people:
                out.line(variable.value)
            else:
                out.details(variable, [], variable.key)
            return
        env = calling.visor.get_env(flags.app, **calling.moment)
        if out.format in ("json", "jsonl"):
            out.json(env.raw)
            return
        for key, value in sorted(env.vars.items()):
            out.line(key if out.format == "name" else f"{key}={value}")

    reads(parser, run)


def put(parser: argparse.ArgumentParser) -> None:
    """`visor env set`."""
    parser.add_argument("words", nargs="+", metavar="APP KEY=VALUE", help="the app is left out with --app")
    parser.add_argument("--app", dest="apps", action="append", help="repeatable: several apps, one commit")

    def run(calling: Calling) -> None:
        app, *rest = calling.flags.words
        if calling.flags.apps:
            _set_everywhere(calling, calling.flags.apps, assignments(calling.flags.words))
        elif not rest:
            raise ValueError("no variables are given: `visor env set APP KEY=VALUE..`")
        else:
            calling.flags.app = app
            _patch(calling, assignments(rest))

    writes(parser, run)


def _set_everywhere(calling: Calling, apps: list[str], env: dict[str, str]) -> None:
    if calling.flags.if_rev is not None:
        raise ValueError("--if-rev is of one app")
    for app in apps:
        calling.visor.get_app(app)  # a document would register an app that is not there
    document = {"apps": [{"name": app, "env": env} for app in dict.fromkeys(apps)]}
    done = calling.visor.apply_document(document, **calling.given)
    words = " ".join(f"{key}={calling.out.cell(value)}" for key, value in env.items())
    calling.changed(done, f"{', '.join(dict.fromkeys(apps))}: set {words}")


def unset(parser: argparse.ArgumentParser) -> None:
    """`visor env unset`."""
    parser.add_argument("app")
    parser.add_argument("keys", nargs="+", metavar="KEY")

    def run(calling: Calling) -> None:
        _patch(calling, dict.fromkeys(calling.flags.keys))

    writes(parser, run)


def load(parser: argparse.ArgumentParser) -> None:
    """`visor env import`."""
    parser.add_argument("app")
    parser.add_argument("file", help="KEY=VALUE lines; -: standard input; blank lines and # are left out")

    def run(calling: Calling) -> None:
        file = calling.flags.file
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise StartError(f"{file} cannot be read: {error.strerror}") from error
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        _patch(calling, assignments(lines))

    writes(parser, run)


def _patch(calling: Calling, patch: dict[str, str] | dict[str, None]) -> None:
    app = calling.flags.app
    env = calling.visor.patch_env(app, dict(patch), **calling.given)
    words = [key if value is None else f"{key}={calling.out.cell(value)}" for key, value in patch.items()]
    verb = "unset" if None in patch.values() else "set"
    calling.changed(env, f"{app}: {verb} {' '.join(words)}")


def find(parser: argparse.ArgumentParser) -> None:
    """`visor find`."""
    parser.add_argument("variable", metavar="KEY[=VALUE]")

    def run(calling: Calling) -> None:
        key, equals, value = calling.flags.variable.partition("=")
        listing = calling.visor.list_apps(limit=1000, **calling.moment)
        apps = [app for app in listing if key in app.env and (not equals or app.env[key] == value)]
        columns = [Column("APP", lambda app: app.name), Column(key, lambda app: app.env[key])]
        calling.out.items(apps, columns, listing.rev, f"no app has {calling.flags.variable}")

    reads(parser, run)
