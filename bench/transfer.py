"""A large registry out of one store and into another: how long, with how much memory, how long others wait.

    python -m bench.transfer [--instances 100000] [--into sqlite|etcd://HOST:PORT/PREFIX]

A store is made with so many instances, and other objects. A service of its own serves it, and `GET /export`
goes into a file as it comes; another service, on an empty store, takes the file by `POST /import`, twice.
Then it is imported into a service in this process whose event loop is watched. A line of JSON for each:
seconds, CPU of the service, `peak_mb`, the most memory it ever had, and how long `/livez` took at most;
or the longest turn of the loop.
"""

import argparse
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
from bench.seeding import seed
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
        place = Path(directory)
        store, file = place / "from.db", place / "registry.ndjson"
        seed(store, apps=max(2, given.instances // 100), instances=given.instances, revs=given.instances * 2)
        source, url = served_by(stage, f"sqlite:///{store}")
        told("loaded", peak_mb=round(peak(source) / 1e6))
        with Visor(url) as visor:
            figures = timed(source, url, partial(export, visor, file))
        with file.open("rb") as lines:
            objects = sum(1 for _ in lines) - 2
        told("export", objects=objects, mb=round(file.stat().st_size / 1e6, 1), **figures)
        into = f"sqlite:///{place}/to.db" if given.into == "sqlite" else given.into
        target, url = served_by(stage, into)
        with Visor(url) as visor:
            for what in ("import", "import of the same file"):
                told(what, **timed(target, url, partial(bring, visor, file, objects)))
        watched = Watched()
        with Visor(f"http://127.0.0.1:{watched.port}") as visor:
            watched.loop.begin()
            bring(visor, file, objects)
            told("import, watched", longest_turn_ms=round(1000 * watched.loop.longest, 1))
        watched.stop()
    return 0


def bring(visor: Visor, file: Path, objects: int) -> None:
    done = visor.import_objects(parts_of(file))
    assert done.objects == objects, done


if __name__ == "__main__":
    sys.exit(main())
