"""Visor itself, as `visor serve` starts it with its defaults, but for a log of each request: no peer has
one."""

import http.client
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.processes import SERVER
from bench.serving import Served, Stage

SETTINGS = {"log-level": "warning", "max-subscribers": "20000"}


def start(
    stage: Stage,
    store: str,
    *,
    cpus: frozenset[int] = SERVER,
    under: Sequence[str] = (),
    **settings: str,
) -> Served:
    """On the store with this URL. `settings` as `visor serve` takes them."""
    said = {**SETTINGS, **{key.replace("_", "-"): value for key, value in settings.items()}}
    flags = [part for key, value in said.items() for part in (f"--{key}", value)]
    command = ("-m", "app.cli", "serve", "--store", store, *flags)
    return stage.start_python("Visor", *command, cpus=cpus, ready=_ready, under=under)


def on_file(stage: Stage, path: Path, *, cpus: frozenset[int] = SERVER, **settings: str) -> Served:
    """On the embedded store in this file."""
    return start(stage, f"sqlite:///{path}", cpus=cpus, **settings)


def call(served: Served, method: str, path: str, body: Any = None, token: str = "") -> Any:
    """One call outside of what is measured; its answer's JSON. Raises RuntimeError where it is refused."""
    return json.loads(fetch(served.port, method, path, body, token))


def fetch(port: int, method: str, path: str, body: Any = None, token: str = "") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {said[:500].decode(errors='replace')}")
    return said


def metric(served: Served, name: str) -> float:
    """A figure of `/metrics`."""
    for line in fetch(served.port, "GET", "/metrics").decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise RuntimeError(f"there is no metric {name}")


def _ready(port: int) -> bool:
    try:
        fetch(port, "GET", "/readyz")
    except (RuntimeError, OSError, http.client.HTTPException):
        return False
    return True
