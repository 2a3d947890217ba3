"""How long one turn of the event loop lasts, whatever is asked.

    python -m bench.stalls [--apps 60] [--instances 10000] [--revs 40000] [--only TEXT]
    python -m bench.stalls --large [--store etcd://127.0.0.1:2379/bench] [--only TEXT]

A service of its own, in this process, is filled with a large registry: apps of 0.95 MB, thousands of
instances, a long history. Then it is asked one thing after the other. A line of JSON each: the longest turn
of its loop meanwhile, in milliseconds of the CPU of its thread, so that neither other processes nor the
clients count; how long `/livez` took at most beside it; and how long the work itself took. With `--large` the
registry is empty, and what is asked are writes that change much at once (`bench/large_writes.py`): each
finds what those before it have made, so that `--only` leaves out their lines alone.
"""

import argparse
import asyncio
import contextlib
import hashlib
import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from app.main import create_app
from app.server.server import VisorServer, build_config, listen
from app.settings import Settings
from bench.large_writes import LargeWrites

PROBE_SECONDS = 0.005
LARGE_VALUE = "x" * 64 * 1024
LARGE_VALUES = 15
"""Variables of a large app: 0.95 MB together."""

JSON = {"Accept": "application/json", "Content-Type": "application/json"}
BATCH = 40
"""Subscribers, or slow readers, that come at once."""


class WatchedLoop(asyncio.SelectorEventLoop):
    """An event loop that knows its longest turn since `begin`, in seconds of CPU of its thread. What a turn
    waits for, the selector or other threads, is not counted: what is left is what keeps others waiting
    on the quietest machine too."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0.0

    def begin(self) -> None:
        self.longest = 0.0

    def _run_once(self) -> None:
        began = time.thread_time()
        super()._run_once()  # type: ignore[misc]
        self.longest = max(self.longest, time.thread_time() - began)


class Watched:
    """A service on a loop that is watched, with the store in memory where none is named."""

    def __init__(self, store: str = "memory:", **settings: Any) -> None:
        app = create_app(Settings(store=store, log_level="warning", **settings))
        self._socket = listen("127.0.0.1", 0)
        self.port: int = self._socket.getsockname()[1]
        self._server = VisorServer(build_config(app.front, admission=app.admission), app.stop)
        self.loop: WatchedLoop
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            if not self._thread.is_alive():
                raise RuntimeError("the service did not start")

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=WatchedLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, WatchedLoop)
            self.loop = loop
            runner.run(self._server.serve(sockets=[self._socket]))

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        """One call on a connection of its own."""
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            said = body if body is None or isinstance(body, bytes) else json.dumps(body)
            caller.request(method, path, said, {**JSON, **headers})
            answer = caller.getresponse()
            return answer.status, answer.read()
        finally:
            caller.close()

    def read_until(self, path: str, mark: bytes) -> int:
        """Read a stream as fast as it comes, up to the mark; the bytes until then."""
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.settimeout(120)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            size, tail = 0, b""
            while mark not in tail:
                chunk = client.recv(1 << 18)
                if not chunk:
                    raise SystemExit(f"{path} ended before {mark!r}")
                size += len(chunk)
                tail = tail[-len(mark) :] + chunk
        return size

    def read_slowly(self, path: str, seconds: float) -> None:
        """Ask for much, and take hardly anything of it."""
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep(seconds)


def fill(service: Watched, *, apps: int, instances: int, revs: int) -> None:
    """Apps of 0.95 MB, instances of one proctype, and a history of small changes."""
    made = {"repo_url": "https://git.example.com/cat.git", "stack": "lenny"}
    large = {f"k{n}": LARGE_VALUE for n in range(LARGE_VALUES)}
    for number in range(apps):
        env = {} if number == 0 else large
        _made(service, "POST", "/apps", {**made, "name": f"app-{number:04}", "env": env})
    _made(service, "POST", "/apps/app-0000/revisions", {"ref": "r1", "archive_url": "https://a.example/a"})
    _made(service, "POST", "/apps/app-0000/proctypes", {"name": "web"})
    _made(service, "PUT", "/apps/app-0000/proctypes/web/scale", {"revision": "r1", "count": instances})
    _made(service, "POST", "/services", {"name": "memcached"})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", service.port)) as caller:
        for number in range(revs):
            path = f"/instances/{number // 2 % instances + 1}"
            body = json.dumps({"host": f"10.0.{number // 2 % instances // 250}.1"})
            caller.request("POST", f"{path}/{'unclaim' if number % 2 else 'claim'}", body, JSON)
            answer = caller.getresponse()
            said = answer.read()
            if answer.status >= 300:
                raise SystemExit(f"{path}: {said!r}")


def _made(service: Watched, method: str, path: str, body: object) -> None:
    status, said = service.ask(method, path, body)
    if status >= 300:
        raise SystemExit(f"{method} {path}: {status} {said[:200]!r}")


def export_of(envsets: int) -> bytes:
    """The lines of an export: an app with so many env sets."""
    at = "2026-11-30T18:04:11.000000Z"
    new = {"rev": 1, "created_rev": 1, "created_at": at, "updated_at": at}
    about = {"repo_url": "r", "stack": "s", "deploy_type": "lxc", "head": None, "env": {}, "secrets": {}}
    lines: list[Any] = [{"visor": 1, "rev": 1, "at": at, "schema": 3}]
    lines.append({"path": "/apps/imported", "object": {**new, "name": "imported", **about}})
    for number in range(envsets):
        content = {**new, "app": "imported", "ref": f"e{number:05}", "vars": {"DB": "db.example.com"}}
        lines.append({"path": f"/apps/imported/envs/{content['ref']}", "object": content})
    front = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    end = {"end": True, "objects": len(lines) - 1, "sha256": hashlib.sha256(front).hexdigest()}
    return front + json.dumps(end).encode()


def at_once(work: Callable[[], object], count: int = BATCH) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


Work = Callable[[Watched], object]


def works(revs: int) -> dict[str, Work]:
    """What is asked, each by its name. In this order: the first finds nothing derived or kept."""
    unknown = {f"field{n}": 1 for n in range(60_000)}
    types = "&".join(f"type=instance-{kind}" for kind in ("lost", "fail") * 50)
    end = b"event: snapshot-end"
    return {
        "nothing": lambda s: time.sleep(0.5),
        "an event list over the whole history, the first time": lambda s: s.ask(
            "GET", "/events?rev=100&type=instance-lost&limit=1000"
        ),
        "an event list of 100 types over the whole history": lambda s: s.ask(
            "GET", f"/events?rev=100&limit=1000&{types}"
        ),
        "an import of 3,000 objects": lambda s: s.ask(
            "POST", "/import?mode=merge", export_of(3000), **{"Content-Type": "application/x-ndjson"}
        ),
        "1,000 events of a list": lambda s: s.ask("GET", f"/events?rev={revs // 2}&limit=1000"),
        "a stream from an early rev": lambda s: s.read_until("/events?rev=500", b"event: bookmark"),
        "a snapshot stream": lambda s: s.read_until("/events?snapshot=true", end),
        "40 snapshot streams": lambda s: at_once(
            lambda: s.read_until("/events?snapshot=true&type=instance-*", end)
        ),
        "20 snapshot streams of large apps whose clients leave": lambda s: at_once(
            lambda: s.read_slowly("/events?snapshot=true&type=app-*", 0.3), 20
        ),
        "GET /apps?limit=1000": lambda s: s.ask("GET", "/apps?limit=1000"),
        "20 slow readers of GET /apps?limit=1000": lambda s: at_once(
            lambda: s.read_slowly("/apps?limit=1000", 1), 20
        ),
        "GET /instances?limit=1000": lambda s: s.ask("GET", "/instances?limit=1000"),
        "GET /instances, filters": lambda s: s.ask(
            "GET", "/instances?status=pending&app=app-0000&revision=r1&limit=1000&status=failed"
        ),
        "GET /instances at an old rev": lambda s: s.ask("GET", f"/instances?limit=1000&rev={revs // 2}"),
        "GET /instances at an old rev, filters that nothing fits": lambda s: s.ask(
            "GET", f"/instances?limit=1000&rev={revs // 2}&status=failed&status=claimed"
        ),
        "GET ../scale": lambda s: s.ask("GET", "/apps/app-0000/proctypes/web/scale"),
        "GET ../scale at an old rev": lambda s: s.ask(
            "GET", f"/apps/app-0000/proctypes/web/scale?rev={revs // 2}"
        ),
        "an app of 0.95 MB": lambda s: s.ask("GET", "/apps/app-0001"),
        "the variables of an app of 0.95 MB": lambda s: s.ask("GET", "/apps/app-0001/env"),
        "one variable of an app of 0.95 MB": lambda s: s.ask("GET", "/apps/app-0001/env/k1"),
        "a variable set in an app of 0.95 MB": lambda s: s.ask(
            "PUT", "/apps/app-0001/env/k1", {"value": "y"}
        ),
        "the same, with a stream that is told of it": _told,
        "60,000 unknown fields": lambda s: s.ask("POST", "/apps", unknown),
        "60,000 variables": lambda s: s.ask(
            "POST",
            "/apps",
            {"name": "many", "repo_url": "https://x.example", "stack": "s", "env": _many(60_000)},
        ),
        "60,000 variables that are wrong": lambda s: s.ask("PATCH", "/apps/app-0000/env", _wrong(60_000)),
        "a body of 500,000 numbers": lambda s: s.ask("POST", "/apps", [1] * 300_000),
        "a body of many brackets": lambda s: s.ask("POST", "/apps", ["[{" * 200_000]),
        "a body of objects": lambda s: s.ask("POST", "/apps", [{"a": 1}] * 100_000),
        "a body of halves of surrogates": lambda s: s.ask("POST", "/apps", ["\ud800" * 80_000]),
        "a wrong tag list": lambda s: s.ask("GET", "/apps/app-0000", **{"If-None-Match": '"1",' * 15_000}),
        "a tag list": lambda s: s.ask("GET", "/apps/app-0000", **{"If-None-Match": '"1",' * 15_000 + '"2"'}),
        "a long query": lambda s: s.ask("GET", "/instances?" + "&".join(["app=a"] * 1300)),
        "a query of unknown names": lambda s: s.ask(
            "GET", "/instances?" + "&".join(f"a{n}" for n in range(1300))
        ),
        "/metrics": lambda s: s.ask("GET", "/metrics"),
        "/openapi.json": lambda s: s.ask("GET", "/openapi.json"),
        "scale to 0": lambda s: s.ask(
            "PUT", "/apps/app-0000/proctypes/web/scale", {"revision": "r1", "count": 0}
        ),
        "the ended list": lambda s: s.ask("GET", "/apps/app-0000/proctypes/web/ended?limit=1000"),
        "scale to 10,000": lambda s: s.ask(
            "PUT", "/apps/app-0000/proctypes/web/scale", {"revision": "r1", "count": 10_000}
        ),
        "scale to 0 again": lambda s: s.ask(
            "PUT", "/apps/app-0000/proctypes/web/scale", {"revision": "r1", "count": 0}
        ),
        "an app with 10,000 revisions, removed": _removed,
    }


def _many(count: int) -> dict[str, str]:
    return {f"k{n}": "v" for n in range(count)}


def _wrong(count: int) -> dict[str, int]:
    return {f"k{n}": n for n in range(count)}


def _told(service: Watched) -> None:
    thread = threading.Thread(target=lambda: service.read_until("/events", b"app-update"))
    thread.start()
    time.sleep(0.2)
    service.ask("PUT", "/apps/app-0002/env/k1", {"value": "z"})
    thread.join()


def _removed(service: Watched) -> None:
    _made(service, "POST", "/apps", {"name": "old", "repo_url": "https://x.example", "stack": "s"})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", service.port)) as caller:
        for number in range(10_000):
            caller.request("POST", "/apps/old/revisions", json.dumps({"ref": f"r{number}"}), JSON)
            caller.getresponse().read()
    service.loop.begin()
    service.ask("DELETE", "/apps/old")


LONG: tuple[Work, ...] = (_removed,)
"""What takes long itself, on any machine."""


@contextlib.contextmanager
def probing(service: Watched) -> Iterator[list[float]]:
    """The seconds that each `/livez` took, asked all the while from a thread."""
    stop, seconds = threading.Event(), [0.0]
    caller = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)

    def probe() -> None:
        while not stop.wait(PROBE_SECONDS):
            began = time.perf_counter()
            caller.request("GET", "/livez")
            caller.getresponse().read()
            seconds.append(time.perf_counter() - began)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield seconds
    finally:
        stop.set()
        thread.join()
        caller.close()


class Turned(NamedTuple):
    """Seconds: of the longest turn (of CPU), of the slowest `/livez` beside it, of the work itself."""

    longest: float
    livez: float
    seconds: float


def measure_turns(service: Watched, work: Callable[[], object]) -> Turned:
    """How a work went."""
    with probing(service) as seconds:
        service.loop.begin()
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        time.sleep(0.05)
        longest = service.loop.longest
    return Turned(longest, max(seconds), took)


def measure(service: Watched, name: str, work: Work) -> dict[str, object]:
    """The figures of one work."""
    found = measure_turns(service, partial(work, service))
    return {
        "asked": name,
        "longest_turn_ms": round(found.longest * 1e3, 1),
        "livez_ms": round(found.livez * 1e3, 1),
        "itself_ms": round(found.seconds * 1e3),
    }


def _measure_large(service: Watched, only: str) -> None:
    writes = LargeWrites(service)
    writes.prepare()
    for name, work in writes.works():
        line = json.dumps(measure(service, name, lambda _, work=work: work())) + "\n"
        sys.stdout.write(line if only in name else "")
        sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.stalls", description=__doc__.partition("\n")[0])
    parser.add_argument("--apps", type=int, default=60, help="all but the first of 0.95 MB")
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--revs", type=int, default=40_000, help="of history, after all that is registered")
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--quick", action="store_true", help="without what takes long itself")
    parser.add_argument("--large", action="store_true", help="writes that change much at once")
    parser.add_argument("--store", default="memory:", help="an empty one")
    given = parser.parse_args(argv)
    service = Watched(given.store, memory_revs=1_000_000, memory_bytes=1 << 31)
    try:
        if given.large:
            _measure_large(service, given.only)
            return 0
        fill(service, apps=given.apps, instances=given.instances, revs=given.revs)
        for name, work in works(given.revs).items():
            if given.only in name and not (given.quick and work in LONG):
                sys.stdout.write(json.dumps(measure(service, name, work)) + "\n")
                sys.stdout.flush()
    finally:
        service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
