"""Files as an export writes them, made by hand."""

import hashlib
import json
from typing import Any

TIME = "2026-11-30T18:04:11.000000Z"
NEW = {"rev": 7, "created_rev": 3, "created_at": TIME, "updated_at": TIME}

LINES = {"Content-Type": "application/x-ndjson"}

APP = {**NEW, "name": "cat", "repo_url": "https://git.example.com/cat.git", "stack": "lenny"}
APP |= {"deploy_type": "lxc", "head": None, "env": {"cow": "moo"}, "secrets": {}}
REVISION = {**NEW, "app": "cat", "ref": "r1", "state": "accepted", "archive_url": "/archive/r1"}
ENVSET = {**NEW, "app": "cat", "ref": "e1", "vars": {"DB": "db"}}
PROCTYPE = {**NEW, "app": "cat", "name": "web", "port": 8000, "limits": {"memory_limit_mb": None}}
SCALE = {**NEW, "app": "cat", "proctype": "web", "revision": "r1", "env": None, "target": 1}
SERVICE = {**NEW, "name": "memcached"}
ENDPOINT = {**NEW, "service": "memcached", "id": "10-0-0-7-11211", "addr": "10.0.0.7", "ip": "10.0.0.7"}
ENDPOINT |= {"port": 11211, "priority": 0, "weight": 0, "target": None}
RUNNER = {**NEW, "addr": "10.0.0.7:9000", "host": "10.0.0.7", "instance_id": 1}
MEMBER = {**NEW, "kind": "pms", "addr": "10.0.0.7", "version": "1.4.1", "ttl": None}
INSTANCE: dict[str, Any] = {
    **NEW,
    "id": 1,
    "app": "cat",
    "revision": "r1",
    "proctype": "web",
    "env": None,
    "status": "running",
    "host": "10.0.0.7",
    "ip": "10.0.0.7",
    "hostname": "box7",
    "port": 20001,
    "tele_port": None,
    "claims": [{"host": "10.0.0.7", "at": TIME, "error": None}],
    "restarts": {"fail": 0, "oom": 0},
    "lock": None,
    "reason": None,
    "lost_by": None,
    "claim_rev": 5,
    "registered_at": TIME,
    "claimed_at": TIME,
    "started_at": TIME,
    "stopped_at": None,
    "ended_at": None,
}
ENDED = {**NEW, "id": 2, "app": "cat", "proctype": "web", "revision": "r1", "env": None, "status": "exited"}
ENDED |= {"client": None, "reason": "scaled down", "at": TIME}

WHOLE: list[tuple[Any, ...]] = [
    ("/apps/cat", APP),
    ("/apps/cat/revisions/r1", REVISION),
    ("/apps/cat/envs/e1", ENVSET),
    ("/apps/cat/proctypes/web", PROCTYPE),
    ("/apps/cat/proctypes/web/scale/r1", SCALE),
    ("/services/memcached", SERVICE),
    ("/services/memcached/endpoints/10-0-0-7-11211", ENDPOINT),
    ("/runners/10.0.0.7:9000", RUNNER),
    ("/members/pms/10.0.0.7", MEMBER),
    ("/instances/1", INSTANCE),
    ("/instances/2", ENDED, True),
]
"""One of everything."""


def line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def object_line(path: str, content: Any, ended: bool = False) -> bytes:
    return line({"path": path, **({"ended": True} if ended else {}), "object": content})


def signed(lines: list[bytes], objects: int | None = None) -> bytes:
    """The lines, the header among them, with the last line that vouches for them."""
    front = b"".join(lines)
    count = len(lines) - 1 if objects is None else objects
    return front + line({"end": True, "objects": count, "sha256": hashlib.sha256(front).hexdigest()})


def file_of(*objects: tuple[Any, ...], **header: Any) -> bytes:
    """A whole file of these objects."""
    first = {"visor": 1, "rev": 7, "at": TIME, "schema": 3, **header}
    return signed([line(first), *(object_line(*each) for each in objects)])
