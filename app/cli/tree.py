"""Which commands there are. What one needs is imported when it is run."""

from typing import NamedTuple


class Command(NamedTuple):
    """`where` names the function that tells a parser its arguments, and the function that runs it. `usage`
    stands for the arguments in the overview; without it a command is not listed."""

    where: str
    usage: str
    help: str


SECTIONS: dict[str, dict[str, Command]] = {
    "look": {
        "status": Command("status:declare", "", "what needs attention, and what there is"),
        "ps": Command("instances_shown:ps", "[APP[/PROC]]", "instances"),
        "apps": Command("apps:show_all", "", "apps"),
        "app": Command("apps:show", "APP", "one app, with everything in it"),
        "hosts": Command("hosts:show_all", "", "hosts, and what runs on each"),
        "host": Command("hosts:show", "HOST", "what runs on a host"),
        "instance": Command("instances_shown:show", "ID", "one instance and its life"),
        "find": Command("env:find", "KEY[=VALUE]", "apps that have a variable"),
    },
    "time": {
        "events": Command("events:declare", "[APP] [-f]", "what happened; -f goes on with what happens now"),
        "log": Command("log:declare", "[APP] [-f]", "who changed what, and why"),
        "show": Command("log:show", "REV", "one commit, before and after"),
        "diff": Command("diff:declare", "A [B [PATH]]", "what changed between two moments"),
    },
    "change": {
        "app create": Command("apps:create", "NAME --repo URL --stack S", "register an app"),
        "app set": Command("apps:change", "APP", "change its repository, stack, type, head"),
        "app delete": Command("apps:delete", "APP", "unregister an app with everything in it"),
        "env get": Command("env:get", "APP [KEY]", "variables as KEY=VALUE lines"),
        "env set": Command("env:put", "APP|--app A.. KEY=VALUE..", "set variables, in one commit"),
        "env unset": Command("env:unset", "APP KEY..", "remove variables, in one commit"),
        "env import": Command("env:load", "APP FILE", "set the variables in a file of KEY=VALUE lines"),
        "env-set list": Command("envsets:show_all", "APP", "env sets"),
        "env-set show": Command("envsets:show", "APP REF", "the variables of an env set"),
        "env-set create": Command("envsets:create", "APP REF KEY=VALUE..", "register an env set"),
        "env-set delete": Command("envsets:delete", "APP REF", "unregister it"),
        "revision list": Command("revisions:show_all", "[APP]", "revisions"),
        "revision show": Command("revisions:show", "APP REF", "one revision"),
        "revision propose": Command("revisions:propose", "APP REF", "a revision whose archive is not built"),
        "revision ratify": Command(
            "revisions:ratify", "APP REF URL", "accept a revision whose archive is built"
        ),
        "revision delete": Command("revisions:delete", "APP REF", "purge it"),
        "proc list": Command("proctypes:show_all", "APP", "proctypes"),
        "proc create": Command("proctypes:create", "APP NAME", "register a proctype"),
        "proc set": Command("proctypes:change", "APP NAME --memory MB", "change its limits"),
        "proc delete": Command("proctypes:delete", "APP NAME", "unregister it"),
        "scale": Command("scale:declare", "APP PROC=N..", "set how many instances should run"),
        "apply": Command(
            "apply:declare", "-f FILE|DIR [--plan]", "make a platform as a document says, in one commit"
        ),
        "revert": Command(
            "revert:declare", "APP|PATH --to WHEN [--plan]", "restore what was declared at an earlier moment"
        ),
        "undo": Command("revert:undo", "REV [--plan]", "take back what one commit changed"),
        "instance stop": Command("instances:stop", "ID..", "ask instances to stop"),
        "instance lost": Command("instances:lost", "ID..", "report instances as lost"),
        "instance restart": Command("instances:restart", "ID..", "count a restart in place"),
        "instance lock": Command("instances:lock", "ID..", "lock instances"),
        "instance unlock": Command("instances:unlock", "ID..", "unlock instances"),
        "instance wait": Command("instances:wait", "ID.. --for STATUS", "wait for a status"),
        "purge": Command("instances:purge", "APP [--older 1d]", "unregister final instances"),
        "service list": Command("services:show_all", "", "services"),
        "service create": Command("services:create", "NAME", "register a service"),
        "service delete": Command("services:delete", "NAME", "unregister it with its endpoints"),
        "endpoint list": Command("services:endpoints", "SERVICE", "endpoints of a service"),
        "endpoint create": Command("services:create_endpoint", "SERVICE ADDR PORT", "register an endpoint"),
        "endpoint delete": Command("services:delete_endpoint", "SERVICE ID", "unregister it"),
        "member list": Command("members:show_all", "KIND", "the platform's parts: pms, proxies, loggers"),
        "member set": Command("members:put", "KIND ADDR", "announce or renew a member"),
        "member delete": Command("members:delete", "KIND ADDR", "it is gone"),
        "runner list": Command("members:runners", "[--host H]", "runners"),
        "runner create": Command("members:create_runner", "ADDR ID", "register a runner"),
        "runner delete": Command("members:delete_runner", "ADDR", "it has ended"),
    },
    "access": {
        "token create": Command("token:create", "--name N --role R ..", "make a token, and print it once"),
        "token list": Command("token:show_all", "", "tokens, without their secrets"),
        "token show": Command("token:show", "ID", "one token"),
        "token rotate": Command("token:rotate", "ID [--overlap 1h]", "give it a new secret"),
        "token revoke": Command("token:revoke", "ID", "end it"),
        "secret list": Command("secret:show_all", "APP", "secrets, without their values"),
        "secret set": Command("secret:put", "APP KEY", "set one; its value comes from standard input"),
        "secret unset": Command("secret:unset", "APP KEY", "remove one"),
        "login": Command("login:declare", "URL", "save a service's address and token as a context"),
        "keys new": Command("keys:new", "FILE [--last]", "put a new key for secrets into a keyring"),
        "keys rewrite": Command("keys:rewrite", "", "seal all secrets with the keyring's first key"),
        "context": Command("login:contexts", "[NAME]", "list the contexts, or use one"),
    },
    "store": {
        "serve": Command("serve:declare", "", "run the service"),
        "demo": Command("demo.command:declare", "", "run a demo platform with a day of history"),
        "backup": Command("backup:declare", "FILE", "copy the store to a file"),
        "restore": Command("restore:declare", "FILE", "replace the store by a backup"),
        "export": Command("export:declare", "[PATH]", "all objects of one moment, as lines of JSON"),
        "import": Command("importing:declare", "FILE", "put the objects of an export into a registry"),
        "inspect": Command(
            "inspecting:declare",
            "FILE",
            "what a store, backup or export contains, and whether it is complete",
        ),
        "openapi": Command("openapi:declare", "[FILE]", "print openapi.yaml"),
    },
    "shell": {
        "completion": Command(
            "completion:declare", "bash|zsh|fish", "print the completion script for a shell"
        ),
        "version": Command("completion:version", "", "print the version"),
    },
}

OLD_NAMES = (
    "app-list",
    "app-describe",
    "app-register",
    "app-unregister",
    "app-env-get",
    "app-env-set",
    "app-env-del",
    "app-head-set",
    "app-revisions",
    "app-services",
    "app-instances",
    "app-instances-purge",
    "proc-register",
    "proc-unregister",
    "rev-register",
    "rev-describe",
    "rev-exists",
    "rev-unregister",
    "service-register",
    "service-unregister",
    "endpoint-register",
    "endpoint-unregister",
    "init",
)
"""Of the original's 24 commands those that are called otherwise now; `scale` is the other one."""

HIDDEN = {
    "__complete": Command("completion:complete", "", ""),
    **{name: Command(f"old_names:{name.replace('-', '_')}", "", "") for name in OLD_NAMES},
}

LISTED: dict[str, Command] = {name: each for section in SECTIONS.values() for name, each in section.items()}

COMMANDS: dict[str, Command] = LISTED | HIDDEN


def groups() -> dict[str, list[str]]:
    """`app` -> `create`, `set`, `delete`."""
    by_group: dict[str, list[str]] = {}
    for name in LISTED:
        group, space, rest = name.partition(" ")
        if space:
            by_group.setdefault(group, []).append(rest)
    return by_group


def overview(only: str | None = None) -> str:
    """The commands, one a line, by section; or those of one group."""
    lines: list[str] = []
    for title, section in SECTIONS.items():
        shown = {name: each for name, each in section.items() if only in (None, name.split(" ")[0])}
        if not shown:
            continue
        lines.append(f"\n{title}:" if only is None else "")
        lines += [f"  {f'{name} {each.usage}':<40} {each.help}".rstrip() for name, each in shown.items()]
    return "\n".join(lines)
