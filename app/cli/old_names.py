"""The original's commands, with their arguments and what they print. Writes print nothing."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from app.cli.calling import REFUSED, Calling, shared
from app.cli.env import assignments

Parser = argparse.ArgumentParser


def _command(parser: Parser, run: Callable[[Calling], int | None], *positional: str) -> None:
    for name in positional:
        if name.endswith(("?", "*")):
            parser.add_argument(name[:-1], nargs=name[-1])
        else:
            parser.add_argument(name)
    shared(parser, run, formats=False)
    # The original knew no other status for a failure, and scripts of its time ask for no other.
    parser.set_defaults(failure=REFUSED)


def _prints(
    lines: Callable[[Any, argparse.Namespace], Iterable[str]], *positional: str
) -> Callable[[Parser], None]:
    """A command that prints these lines, of a client and its flags."""

    def run(calling: Calling) -> None:
        for line in lines(calling.visor, calling.flags):
            calling.out.line(line)

    return lambda parser: _command(parser, run, *positional)


def _does(act: Callable[[Any, argparse.Namespace], Any], *positional: str) -> Callable[[Parser], None]:
    """A write, which prints nothing."""

    def run(calling: Calling) -> None:
        act(calling.visor, calling.flags)

    return lambda parser: _command(parser, run, *positional)


app_list = _prints(lambda visor, _: (app.name for app in visor.list_apps(limit=1000)))


def _fields(**fields: str | None) -> list[str]:
    return [f"{title.replace('_', '-')}: {value or ''}".rstrip() for title, value in fields.items()]


def _app(visor: Any, flags: argparse.Namespace) -> list[str]:
    app = visor.get_app(flags.name)
    return _fields(name=app.name, type=app.deploy_type, repo=app.repo_url, stack=app.stack)


app_describe = _prints(_app, "name")


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


app_unregister = _does(lambda visor, flags: visor.unregister_app(flags.name), "name")


def _env(visor: Any, flags: argparse.Namespace) -> list[str]:
    if flags.keys:
        env = {key: visor.get_env_var(flags.name, key).value for key in flags.keys}
    else:
        env = visor.get_env(flags.name).vars
    return [f"{key}={value}" for key, value in sorted(env.items())]


app_env_get = _prints(_env, "name", "keys*")


def _set_env(visor: Any, flags: argparse.Namespace) -> None:
    """`K V`, or `K=V` as often as wanted."""
    if len(flags.vars) == 2 and "=" not in flags.vars[0]:
        visor.set_env_var(flags.name, *flags.vars)
    elif flags.vars:
        visor.patch_env(flags.name, assignments(flags.vars))
    else:
        raise ValueError("say KEY VALUE, or KEY=VALUE")


app_env_set = _does(_set_env, "name", "vars*")


app_env_del = _does(lambda visor, flags: visor.remove_env_var(flags.name, flags.key), "name", "key")


app_head_set = _does(lambda visor, flags: visor.patch_app(flags.name, {"head": flags.head}), "name", "head")


app_revisions = _prints(lambda visor, flags: (each.ref for each in visor.list_revisions(flags.name)), "name")


# Services were the name of proctypes once.
app_services = _prints(lambda visor, flags: (each.name for each in visor.list_proctypes(flags.name)), "name")


def _instances(visor: Any, flags: argparse.Namespace) -> Iterable[str]:
    for each in visor.list_app_instances(flags.name, limit=1000):
        where = f"{each.host or '-'}:{each.port or '-'}"
        yield f"{each.id} {each.app} {each.revision} {each.proctype} {each.status} {where}"


app_instances = _prints(_instances, "name")


def _purge(visor: Any, flags: argparse.Namespace) -> None:
    """Those that have ended, of an app that is there."""
    app = visor.get_app(flags.name)
    visor.unregister_instances(["exited", "failed", "lost"], app=[app.name])


app_instances_purge = _does(_purge, "name")


proc_register = _does(lambda visor, flags: visor.register_proctype(flags.app, flags.name), "app", "name")


proc_unregister = _does(lambda visor, flags: visor.unregister_proctype(flags.app, flags.name), "app", "name")


def rev_register(parser: Parser) -> None:
    """Proposed, or with its artifact accepted."""
    parser.add_argument("-artifacturl", "--artifacturl")
    parser.add_argument("-propose", "--propose", action="store_true")

    def run(calling: Calling) -> None:
        flags = calling.flags
        url = None if flags.propose else flags.artifacturl or flags.url_of_artifact
        calling.visor.register_revision(flags.app, flags.ref, archive_url=url)

    _command(parser, run, "app", "ref", "url_of_artifact?")


def _revision(visor: Any, flags: argparse.Namespace) -> list[str]:
    revision = visor.get_revision(flags.app, flags.ref)
    return _fields(app=revision.app, ref=revision.ref, state=revision.state, archive_url=revision.archive_url)


rev_describe = _prints(_revision, "app", "ref")


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


rev_unregister = _does(lambda visor, flags: visor.unregister_revision(flags.app, flags.ref), "app", "ref")


service_register = _does(lambda visor, flags: visor.register_service(flags.name), "name")


service_unregister = _does(lambda visor, flags: visor.unregister_service(flags.name), "name")


def _register_endpoint(visor: Any, flags: argparse.Namespace) -> None:
    port, priority, weight = (int(each or 0) for each in (flags.port, flags.priority, flags.weight))
    visor.register_endpoint(flags.service, flags.addr, port, priority=priority, weight=weight)


endpoint_register = _does(_register_endpoint, "service", "addr", "port", "priority?", "weight?")


def _unregister_endpoint(visor: Any, flags: argparse.Namespace) -> None:
    """`SERVICE ADDR PORT`, or `SERVICE ID`."""
    id = flags.addr
    if flags.port is not None:
        id = f"{flags.addr.replace('.', '-').replace(':', '-')}-{flags.port}"
    visor.unregister_endpoint(flags.service, id)


endpoint_unregister = _does(_unregister_endpoint, "service", "addr", "port?")


# There is nothing to prepare any more: it asks whether the service can serve.
init = _does(lambda visor, _: visor.readyz())
