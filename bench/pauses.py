"""How long calls wait because of what else a large store is doing.

    python -m bench.seeding FILE
    python -m bench.pauses FILE [--history 360000] [--seconds 10]

A service of its own runs on FILE, which goes on from its last rev. While it is busy with one thing after the
other, a read of one app is asked for every two milliseconds, on a connection of its own. A line of JSON each:
the milliseconds that these reads took, and the calls that it was busy with. With a `--history` that is less
than the file has, each write drops some of it.
"""

import argparse
import contextlib
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Self

from bench.peers import visor
from bench.seeding import app_name
from bench.serving import Served, Stage

PROBE_SECONDS = 0.002
JSON = {"Accept": "application/json", "Content-Type": "application/json"}


class Caller:
    """A keep-alive connection for calls one after the other."""

    def __init__(self, served: Served) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """The answer to a call that has to succeed; the seconds it took are kept."""
        began = time.perf_counter()
        self._http.request(method, path, None if body is None else json.dumps(body), JSON)
        answer = self._http.getresponse()
        said = json.loads(answer.read())
        self.seconds.append(time.perf_counter() - began)
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {said}")
        return said


@contextlib.contextmanager
def probing(served: Served) -> Iterator[Caller]:
    """Reads all the while, from a thread."""
    stop = threading.Event()
    with Caller(served) as caller:

        def probe() -> None:
            while not stop.wait(PROBE_SECONDS):
                caller.ask("GET", f"/apps/{app_name(5)}")

        thread = threading.Thread(target=probe)
        thread.start()
        try:
            yield caller
        finally:
            stop.set()
            thread.join()


def write(caller: Caller, step: int) -> None:
    caller.ask("PUT", f"/apps/{app_name(step % 10)}/env/cow", {"value": f"{time.monotonic()}"})


def reading(path: str) -> Callable[[Caller, int], None]:
    return lambda caller, step: caller.ask("GET", path) and None


def replaying(rev: int) -> Callable[[Caller, int], None]:
    """A thousand events after the other, from a rev on."""
    after = [rev]

    def replay(caller: Caller, step: int) -> None:
        after[0] = int(str(caller.ask("GET", f"/events?rev={after[0]}&limit=1000")["rev"]))

    return replay


def figures(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    worst = {"p99_ms": ordered[len(ordered) * 99 // 100], "longest_ms": ordered[-1]}
    said = {name: round(value * 1e3, 1) for name, value in {"median_ms": median(ordered), **worst}.items()}
    return {"calls": len(ordered), **said}


def measure(served: Served, seconds: float) -> Iterator[dict[str, object]]:
    """The figures of each kind of work."""
    now = visor.call(served, "GET", "/rev")
    old = (int(str(now["oldest_rev"])) + int(str(now["rev"]))) // 2
    works: dict[str, Callable[[Caller, int], None]] = {
        "nothing": lambda caller, step: time.sleep(0.1),
        "writes": write,
        f"1,000 events after another, from rev {old}": replaying(old),
        f"an app at rev {old}": reading(f"/apps/{app_name(3)}?rev={old}"),
        f"1,000 instances at rev {old}": reading(f"/instances?limit=1000&rev={old}"),
        f"an app's instances at rev {old}": reading(f"/instances?app={app_name(3)}&rev={old}"),
    }
    for name, work in works.items():
        until, step = time.monotonic() + seconds, 0
        with Caller(served) as busy, probing(served) as probe:
            while time.monotonic() < until:
                work(busy, step)
                step += 1
        own = figures(busy.seconds) if busy.seconds else None
        yield {"while": name, "reads": figures(probe.seconds), "itself": own}


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.pauses", description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="a store that bench.seeding has made")
    parser.add_argument("--history", type=int, default=2_000_000, help="revs that the service is to keep")
    parser.add_argument("--seconds", type=float, default=10, help="of each work")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory, Stage(Path(directory)) as stage:
        served = visor.on_file(stage, given.file.resolve(), history=str(given.history))
        for figure in measure(served, given.seconds):
            sys.stdout.write(json.dumps(figure) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
