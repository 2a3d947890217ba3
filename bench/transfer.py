"""A large registry into one store and out of it again: how long, with how much memory, how long others wait.

    python -m bench.transfer [--instances 100000] [--into sqlite|etcd://HOST:PORT/PREFIX]

A file is made as an export of so many instances, and of some other objects. A service on an empty store
tries it, takes it by `POST /import`, then once more, and gives it back by `GET /export`. Then it comes into a
service in this process whose event loop is watched. A line of JSON for each: seconds, CPU of the service,
`peak_mb`, the most memory it ever had, and how long `/livez` took at most; or the longest turn of the loop.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.processes import ALL
from bench.serving import Served, Stage, free_port
from bench.stalls import PROBE_SECONDS, Watched
from visor_client import Visor

PART = 64 * 1024


class Probe:
    """Asks `/livez` again and again on one connection; `longest` is the longest that it took."""

    def __init__(self, url: str) -> None:
        self.longest = 0.0
        self._over = threading.Event()
        self._visor = Visor(url)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            self._visor.livez()
            self.longest = max(self.longest, time.perf_counter() - began)
            time.sleep(PROBE_SECONDS)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._visor._http.close()


def peak(served: Served) -> int:
    """The most memory that the process ever had, in bytes."""
    status = Path(f"/proc/{served.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def served_by(stage: Stage, store: str) -> tuple[Served, str]:
    """A service on the store, and its address."""
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--store", store]
    served = stage.start("visor", [*command, "--log-level", "warning"], port, cpus=ALL)
    return served, f"http://127.0.0.1:{port}"


def parts_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while part := source.read(PART):
            yield part


def export(visor: Visor, file: Path) -> None:
    with file.open("wb") as target:
        for line in visor.export_objects():
            target.write(line)


def told(what: str, **figures: Any) -> None:
    sys.stdout.write(json.dumps({"what": what, **figures}) + "\n")
    sys.stdout.flush()


def timed(served: Served, url: str, work: Callable[[], object]) -> dict[str, Any]:
    cpu, began = served.cpu_seconds, time.perf_counter()
    with Probe(url) as probe:
        work()
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(served.cpu_seconds - cpu, 1),
        "peak_mb": round(peak(served) / 1e6),
        "longest_livez_ms": round(1000 * probe.longest, 1),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.transfer")
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--into", default="sqlite", help="sqlite, or the URL of an empty store")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory, Stage(Path(directory)) as stage:
        file, back = Path(directory) / "registry.ndjson", Path(directory) / "back.ndjson"
        objects = make(file, given.instances)
        told("file", objects=objects, mb=round(file.stat().st_size / 1e6, 1))
        into = f"sqlite:///{directory}/visor.db" if given.into == "sqlite" else given.into
        served, url = served_by(stage, into)
        told("empty", peak_mb=round(peak(served) / 1e6))
        with Visor(url) as visor:
            told("dry run", **timed(served, url, partial(bring, visor, file, objects, dry_run=True)))
            for what in ("import", "import of the same file"):
                told(what, **timed(served, url, partial(bring, visor, file, objects)))
            told("export", **timed(served, url, partial(export, visor, back)))
        with back.open("rb") as lines:
            assert sum(1 for _ in lines) == objects + 2
        watched = Watched()
        with Visor(f"http://127.0.0.1:{watched.port}") as visor:
            watched.loop.begin()
            bring(visor, file, objects)
            told("import, watched", longest_turn_ms=round(1000 * watched.loop.longest, 1))
        watched.stop()
    return 0


AT = "2026-11-30T18:04:11.000000Z"
NEW = {"rev": 7, "created_rev": 3, "created_at": AT, "updated_at": AT}


def make(file: Path, instances: int) -> int:
    """Write an export of so many instances, a hundred for each app; how many objects it has."""
    seen, count = hashlib.sha256(), 0
    with file.open("wb") as target:

        def write(said: object) -> None:
            line = json.dumps(said, separators=(",", ":")).encode() + b"\n"
            seen.update(line)
            target.write(line)

        write({"visor": 1, "rev": 7, "at": AT, "schema": 3})
        for path, content in objects_of(instances):
            write({"path": path, "object": {**NEW, **content}})
            count += 1
        end = {"end": True, "objects": count, "sha256": seen.hexdigest()}
        target.write(json.dumps(end, separators=(",", ":")).encode() + b"\n")
    return count


def objects_of(instances: int) -> Iterator[tuple[str, dict[str, Any]]]:
    apps = [f"app-{number:05}" for number in range(max(1, instances // 100))]
    about = {"repo_url": "https://git.example.com/app.git", "stack": "bookworm", "deploy_type": "lxc"}
    for app in apps:
        env = {f"KEY_{number}": f"value {number}" for number in range(10)}
        yield f"/apps/{app}", {"name": app, **about, "head": "r2", "env": env, "secrets": {}}
    for app in apps:
        for ref in ("r1", "r2"):
            archive = f"https://archive.example.com/{app}/{ref}.img"
            content = {"app": app, "ref": ref, "state": "accepted", "archive_url": archive}
            yield f"/apps/{app}/revisions/{ref}", content
    for app in apps:
        yield f"/apps/{app}/envs/e1", {"app": app, "ref": "e1", "vars": {"DB": "db.example.com"}}
    for number, app in enumerate(apps):
        content = {"app": app, "name": "web", "port": 8000 + number, "limits": {"memory_limit_mb": 512}}
        yield f"/apps/{app}/proctypes/web", content
    for app in apps:
        scale = {"app": app, "proctype": "web", "revision": "r2", "env": "e1", "target": 100}
        yield f"/apps/{app}/proctypes/web/scale/r2/e1", scale
    for id in range(1, instances + 1):
        yield f"/instances/{id}", running(id, apps[id % len(apps)])


def running(id: int, app: str) -> dict[str, Any]:
    host = f"10.{id % 200}.0.7"
    return {
        "id": id,
        "app": app,
        "revision": "r2",
        "proctype": "web",
        "env": "e1",
        "status": "running",
        "host": host,
        "ip": host,
        "hostname": f"box{id % 200}",
        "port": 20_000 + id % 40_000,
        "tele_port": None,
        "claims": [{"host": host, "at": AT, "error": None}],
        "restarts": {"fail": 0, "oom": 0},
        "lock": None,
        "reason": None,
        "lost_by": None,
        "claim_rev": 5,
        "registered_at": AT,
        "claimed_at": AT,
        "started_at": AT,
        "stopped_at": None,
        "ended_at": None,
    }


def bring(visor: Visor, file: Path, objects: int, *, dry_run: bool = False) -> None:
    done = visor.import_objects(parts_of(file), dry_run=dry_run)
    assert done.objects == objects, done


if __name__ == "__main__":
    sys.exit(main())
