"""The original's commands, with their arguments and what they print. Writes print nothing."""

import argparse
from collections.abc import Callable
from typing import Any

from app.cli.calling import REFUSED, Calling, shared
from app.cli.env import assignments

Parser = argparse.ArgumentParser


def _command(parser: Parser, run: Callable[[Calling], int | None], *positional: str) -> None:
    for name in positional:
        if name.endswith("?"):
            parser.add_argument(name[:-1], nargs="?")
        elif name.endswith("*"):
            parser.add_argument(name[:-1], nargs="*")
        else:
            parser.add_argument(name)
    shared(parser, run, formats=False)
    # The original knew no other status for a failure, and scripts of its time ask for no other.
    parser.set_defaults(failure=REFUSED)


def _say(calling: Calling, lines: list[str]) -> None:
    for line in lines:
        calling.out.line(line)


def app_list(parser: Parser) -> None:
    """One name a line."""
    _command(parser, lambda c: _say(c, [app.name for app in c.visor.list_apps(limit=1000)]))


def app_describe(parser: Parser) -> None:
    """`name:`, `type:`, `repo:`, `stack:` lines."""

    def run(calling: Calling) -> None:
        app = calling.visor.get_app(calling.flags.name)
        fields = {"name": app.name, "type": app.deploy_type, "repo": app.repo_url, "stack": app.stack}
        _say(calling, [f"{title}: {value}" for title, value in fields.items()])

    _command(parser, run, "name")


def app_register(parser: Parser) -> None:
    """With the defaults of then."""
    parser.add_argument("-type", "--type", default="lxc")
    parser.add_argument("-repo", "--repo")
    parser.add_argument("-stack", "--stack", default="HEAD")

    def run(calling: Calling) -> None:
        flags = calling.flags
        repo = flags.repo or f"https://github.com/foo/{flags.name}"
        calling.visor.register_app(flags.name, repo, flags.stack, deploy_type=flags.type)

    _command(parser, run, "name")


def _does(act: Callable[[Any, argparse.Namespace], Any]) -> Callable[[Calling], None]:
    """A write, which prints nothing."""

    def run(calling: Calling) -> None:
        act(calling.visor, calling.flags)

    return run


def app_unregister(parser: Parser) -> None:
    """Prints nothing."""
    _command(parser, _does(lambda visor, flags: visor.unregister_app(flags.name)), "name")


def app_env_get(parser: Parser) -> None:
    """`K=V` lines, of all or of those named."""

    def run(calling: Calling) -> None:
        flags = calling.flags
        if not flags.keys:
            env = calling.visor.get_env(flags.name).vars
        else:
            env = {key: calling.visor.get_env_var(flags.name, key).value for key in flags.keys}
        _say(calling, [f"{key}={value}" for key, value in sorted(env.items())])

    _command(parser, run, "name", "keys*")


def app_env_set(parser: Parser) -> None:
    """`K V`, or `K=V` as often as wanted."""

    def run(calling: Calling) -> None:
        name, words = calling.flags.name, calling.flags.vars
        if len(words) == 2 and "=" not in words[0]:
            calling.visor.set_env_var(name, *words)
        elif words:
            calling.visor.patch_env(name, assignments(words))
        else:
            raise ValueError("say KEY VALUE, or KEY=VALUE")

    _command(parser, run, "name", "vars*")


def app_env_del(parser: Parser) -> None:
    """Prints nothing."""
    _command(parser, _does(lambda visor, flags: visor.remove_env_var(flags.name, flags.key)), "name", "key")


def app_head_set(parser: Parser) -> None:
    """Prints nothing."""
    act = _does(lambda visor, flags: visor.patch_app(flags.name, {"head": flags.head}))
    _command(parser, act, "name", "head")


def app_revisions(parser: Parser) -> None:
    """One ref a line."""
    _command(parser, lambda c: _say(c, [each.ref for each in c.visor.list_revisions(c.flags.name)]), "name")


def app_services(parser: Parser) -> None:
    """One proctype a line: services were their name once."""
    _command(parser, lambda c: _say(c, [each.name for each in c.visor.list_proctypes(c.flags.name)]), "name")


def app_instances(parser: Parser) -> None:
    """A line an instance."""

    def run(calling: Calling) -> None:
        for each in calling.visor.list_app_instances(calling.flags.name, limit=1000):
            where = f"{each.host or '-'}:{each.port or '-'}"
            calling.out.line(f"{each.id} {each.app} {each.revision} {each.proctype} {each.status} {where}")

    _command(parser, run, "name")


def app_instances_purge(parser: Parser) -> None:
    """Those that have ended."""

    def run(calling: Calling) -> None:
        app = calling.visor.get_app(calling.flags.name)
        calling.visor.unregister_instances(["exited", "failed", "lost"], app=[app.name])

    _command(parser, run, "name")


def proc_register(parser: Parser) -> None:
    """Prints nothing."""
    _command(
        parser, _does(lambda visor, flags: visor.register_proctype(flags.app, flags.name)), "app", "name"
    )


def proc_unregister(parser: Parser) -> None:
    """Prints nothing."""
    act = _does(lambda visor, flags: visor.unregister_proctype(flags.app, flags.name))
    _command(parser, act, "app", "name")


def rev_register(parser: Parser) -> None:
    """Proposed, or with its artifact accepted."""
    parser.add_argument("-artifacturl", "--artifacturl")
    parser.add_argument("-propose", "--propose", action="store_true")

    def run(calling: Calling) -> None:
        flags = calling.flags
        url = None if flags.propose else flags.artifacturl or flags.url_of_artifact
        calling.visor.register_revision(flags.app, flags.ref, archive_url=url)

    _command(parser, run, "app", "ref", "url_of_artifact?")


def rev_describe(parser: Parser) -> None:
    """`app:`, `ref:`, `state:`, `archive-url:` lines."""

    def run(calling: Calling) -> None:
        found = calling.visor.get_revision(calling.flags.app, calling.flags.ref)
        fields = {"app": found.app, "ref": found.ref, "state": found.state, "archive-url": found.archive_url}
        _say(calling, [f"{title}: {value or ''}".rstrip() for title, value in fields.items()])

    _command(parser, run, "app", "ref")


def rev_exists(parser: Parser) -> None:
    """Says it by its exit status alone."""

    def run(calling: Calling) -> int:
        from visor_client import NotFound

        try:
            calling.visor.get_revision(calling.flags.app, calling.flags.ref)
        except NotFound:
            return 1
        return 0

    _command(parser, run, "app", "ref")


def rev_unregister(parser: Parser) -> None:
    """Prints nothing."""
    act = _does(lambda visor, flags: visor.unregister_revision(flags.app, flags.ref))
    _command(parser, act, "app", "ref")


def service_register(parser: Parser) -> None:
    """Prints nothing."""
    _command(parser, _does(lambda visor, flags: visor.register_service(flags.name)), "name")


def service_unregister(parser: Parser) -> None:
    """Prints nothing."""
    _command(parser, _does(lambda visor, flags: visor.unregister_service(flags.name)), "name")


def endpoint_register(parser: Parser) -> None:
    """`SERVICE ADDR PORT [PRIORITY] [WEIGHT]`."""

    def run(calling: Calling) -> None:
        flags = calling.flags
        numbers = [int(each or 0) for each in (flags.port, flags.priority, flags.weight)]
        calling.visor.register_endpoint(
            flags.service, flags.addr, numbers[0], priority=numbers[1], weight=numbers[2]
        )

    _command(parser, run, "service", "addr", "port", "priority?", "weight?")


def endpoint_unregister(parser: Parser) -> None:
    """`SERVICE ADDR PORT`, or `SERVICE ID`."""

    def run(calling: Calling) -> None:
        flags = calling.flags
        id = flags.addr
        if flags.port is not None:
            id = f"{flags.addr.replace('.', '-').replace(':', '-')}-{flags.port}"
        calling.visor.unregister_endpoint(flags.service, id)

    _command(parser, run, "service", "addr", "port?")


def init(parser: Parser) -> None:
    """There is nothing to prepare any more: it asks whether the service can serve."""
    _command(parser, _does(lambda visor, _: visor.readyz()))
