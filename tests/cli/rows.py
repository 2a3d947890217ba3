"""A row for each command: what succeeds on a platform that is there, and what is refused."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.models.token import new_id, new_token, sha256_of
from tests.serving import Service
from visor_client import Visor

HOST = "10.0.0.7"
FAR = 10**15
"""A rev that is not reached."""


@dataclass(frozen=True)
class Row:
    """`fine` are arguments with which it succeeds, and changes nothing; `refused` those to which the service
    says no. `conditional`: it takes `--if-rev`. `closed`: it needs a service with access on. `by`: whose
    token may do it."""

    fine: str
    refused: str
    conditional: bool = False
    closed: bool = False
    by: str = "admin"
    formats: bool = True
    watched: bool = False


def reads(fine: str, refused: str | None = None, **more: Any) -> Row:
    return Row(fine, refused if refused is not None else f"{fine} --rev {FAR}", **more)


def writes(fine: str, refused: str, *, conditional: bool = True, **more: Any) -> Row:
    return Row(f"{fine} --dry-run", refused, conditional=conditional, **more)


ROWS = {
    "status": reads("", watched=True),
    "ps": reads("rocket/web", watched=True),
    "apps": reads("", watched=True),
    "app": reads("rocket", "nothere", watched=True),
    "hosts": reads("", watched=True),
    "host": reads(HOST, watched=True),
    "instance": reads("{running}", "999", watched=True),
    "find": reads("k", watched=True),
    "events": reads("rocket -n 3", f"--since {FAR}"),
    "log": reads("rocket -n 3", f"--until {FAR}"),
    "show": reads("1", f"{FAR}"),
    "diff": reads("1 3", f"1 {FAR}"),
    "env get": reads("rocket", "nothere", watched=True),
    "env-set list": reads("rocket", "nothere", watched=True),
    "env-set show": reads("rocket e1", "rocket nothere", watched=True),
    "revision list": reads("rocket", "nothere", watched=True),
    "revision show": reads("rocket r1", "rocket nothere", watched=True),
    "proc list": reads("rocket", "nothere", watched=True),
    "service list": reads("", watched=True),
    "endpoint list": reads("cache", "nothere", watched=True),
    "member list": reads("pms", watched=True),
    "runner list": reads("", watched=True),
    "export": reads("", formats=False),
    "secret list": reads("rocket", "nothere", watched=True),
    "instance wait": reads("{running} --for running", "999 --for running"),
    "token list": reads("", closed=True, watched=True),
    "token show": reads("{token}", "a" * 12, closed=True, watched=True),
    "app create": writes("new --repo r --stack s", "rocket --repo r --stack s", conditional=False),
    "app set": writes("rocket --stack t", "nothere --stack t"),
    "app delete": writes("other", "nothere"),
    "env set": writes("rocket a=b", "nothere a=b"),
    "env unset": writes("rocket k", "nothere k"),
    "env import": writes("rocket {file}/vars", "nothere {file}/vars"),
    "env-set create": writes("rocket e2 a=b", "rocket e1 a=b", conditional=False),
    "env-set delete": writes("rocket e1", "rocket nothere"),
    "revision propose": writes("rocket r3", "rocket r1", conditional=False),
    "revision ratify": writes("rocket r2 /a", "rocket r1 /a"),
    "revision delete": writes("rocket r2", "rocket nothere"),
    "proc create": writes("rocket more", "rocket web", conditional=False),
    "proc set": writes("rocket web --memory 5", "rocket nothere --memory 5"),
    "proc delete": writes("rocket spare", "rocket nothere"),
    "scale": writes("rocket web=3", "rocket nothere=3"),
    "apply": writes("-f {file}/good.yaml", "-f {file}/bad.yaml", conditional=False),
    "revert": writes("/apps/rocket/env --to 1", f"rocket --to {FAR}", conditional=False),
    "undo": writes("2", f"{FAR}", conditional=False),
    "import": writes("{export} --mode merge", "{file}/vars", conditional=False),
    "instance stop": writes("{running}", "999"),
    "instance lost": writes("{running}", "999"),
    "instance restart": writes("{running}", "999", by="host"),
    "instance lock": writes("{pending}", "{locked}"),
    "instance unlock": writes("{locked}", "999"),
    "purge": writes("rocket", "nothere", conditional=False),
    "service create": writes("new", "cache", conditional=False),
    "service delete": writes("cache", "nothere"),
    "endpoint create": writes("cache 10.0.0.8 1", f"cache {HOST} 11211", conditional=False),
    "endpoint delete": writes("cache 10-0-0-7-11211", "cache nothere-1"),
    "member set": writes("pms 10.0.0.8", "pms 010.0.0.1"),
    "member delete": writes(f"pms {HOST}", "pms 10.0.0.9"),
    "runner create": writes(f"{HOST}:9001 {{running}}", f"{HOST}:9000 {{running}}", conditional=False),
    "runner delete": writes(f"{HOST}:9000", f"{HOST}:9009"),
    "token create": writes(
        "--name n --role admin", "--name visor --role admin", conditional=False, closed=True
    ),
    "token rotate": writes("{token}", "a" * 12, closed=True),
    "token revoke": writes("{token}", "a" * 12, closed=True),
    "secret set": writes("rocket KEY", "nothere KEY"),
    "secret unset": writes("rocket KEY", "rocket NOTHERE"),
    "keys rewrite": Row("", "", closed=True),
}

LOCAL = {
    "login": "http://127.0.0.1:1 --nothere",
    "context": "--nothere",
    "serve": "--nothere",
    "demo": "--nothere",
    "backup": "FILE --nothere",
    "restore": "FILE --nothere",
    "openapi": "--nothere",
    "completion": "bash --nothere",
    "version": "--nothere",
    "keys new": "FILE --nothere",
    "inspect": "FILE --nothere",
}
"""Commands that call no running service with a token, or make one; files of their own have their tests."""


def platform(service: Service, folder: Path, admin: str | None = None) -> dict[str, Any]:
    """Makes what the rows speak of, with access on where there is an admin's token; names of what it made."""
    claimer = admin
    with Visor(service.url, token=admin) as visor:
        made: dict[str, Any] = {}
        visor.register_app("rocket", "r", "s", env={"k": "v"})
        visor.patch_env("rocket", {"k": "w"})
        visor.register_app("other", "r", "s")
        if admin is not None:
            for name, grant in (
                ("host", {"role": "host", "hosts": [HOST]}),
                ("viewer", {"role": "viewer", "apps": ["*"]}),
            ):
                made[name] = new_token(id := new_id())
                visor.set_token(id, name, [grant], sha256=sha256_of(made[name]))
                made["token"] = id
            claimer = made["host"]
        visor.register_envset("rocket", "e1", {"a": "b"})
        visor.register_revision("rocket", "r1", archive_url="/a")
        visor.register_revision("rocket", "r2")
        visor.patch_app("rocket", {"head": "r1"})
        visor.register_proctype("rocket", "web")
        visor.register_proctype("rocket", "spare")
        made["running"], made["pending"], made["locked"] = visor.set_scale("rocket", "web", "r1", 3).started
        visor.lock_instance(made["locked"], "anna", "look at it")
        with Visor(service.url, token=claimer) as host:
            claimed = host.claim_instance(made["running"], HOST)
            host.start_instance(claimed.id, HOST, "box7", 9000, claim_rev=claimed.claim_rev)
        visor.register_service("cache")
        visor.register_endpoint("cache", HOST, 11211)
        visor.set_member("pms", HOST)
        visor.register_runner(f"{HOST}:9000", made["running"])
        visor.set_secret("rocket", "KEY", "correct horse")
        made["export"] = str(folder / f"export-{service.port}")
        Path(made["export"]).write_bytes(b"".join(visor.export_objects()))
    return made
