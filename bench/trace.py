"""What a request goes through: python -m bench.trace [--list]

One GET of an app and one PUT of a variable, on the embedded store, once everything is warm. Counted are the
calls of functions of `app/`, the functions, their files, and how often the next call is in another file than
the one before. `--list` shows the way, call by call.
"""

import argparse
import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from app.main import create_app
from app.server.server import VisorServer, build_config, listen
from app.settings import Settings

ROOT = Path(__file__).parents[1]
APP = f"{ROOT / 'app'}/"

GET = b"GET /apps/cat HTTP/1.1\r\nHost: localhost\r\n\r\n"
PUT = (
    b"PUT /apps/cat/env/cow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 15\r\n\r\n"
)
WARM = 30
TRIES = 5
"""The shortest is shown: what goes on beside a request, once in a while, is none of it."""

BEGIN = 4
"""Bytes of code at most before the first line of a function."""


@dataclass
class Trace:
    """The calls of one request, in their order, as file and function."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    recording: bool = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if not self.recording or event != "call" or not frame.f_code.co_filename.startswith(APP):
            return
        # A coroutine that goes on where it stood is called as well.
        if frame.f_lasti <= BEGIN:
            name = frame.f_code.co_qualname
            if not name.endswith(("comp>", "genexpr>")):
                self.calls.append((frame.f_code.co_filename.removeprefix(APP), name))

    @property
    def figures(self) -> tuple[int, int, int, int]:
        """Calls, functions, files, changes of file."""
        files = [file for file, _ in self.calls]
        changes = sum(one != other for one, other in pairwise(files))
        return len(self.calls), len(set(self.calls)), len(set(files)), changes


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return head


async def traced(trace: Trace, folder: str) -> dict[str, Trace]:
    service = create_app(Settings(store=f"sqlite:///{folder}/visor.db", log_level="error"))
    listening = listen("127.0.0.1", 0)
    config = build_config(
        service.front,
        rev=lambda: service.context.store.rev,
        admission=service.admission,
        refusals=service.refusals,
    )
    server = VisorServer(config, service.stop)
    # Its signal handlers are for a process of its own.
    serving = asyncio.create_task(server._serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*listening.getsockname())

    async def ask(request: bytes) -> None:
        writer.write(request)
        assert (await answer(reader)).split(b" ", 2)[1][:1] == b"2"

    app = b'{"name":"cat","repo_url":"https://x","stack":"s"}'
    await ask(PUT.replace(b"PUT /apps/cat/env/cow", b"POST /apps").replace(b"15", b"%d" % len(app)) + app)
    number = 100

    async def put() -> None:
        nonlocal number
        number += 1
        await ask(PUT + b'{"value":"%03d"}' % number)

    async def get() -> None:
        await ask(GET)

    asked: dict[str, Callable[[], Awaitable[None]]] = {"GET app": get, "PUT variable": put}
    found = {}
    for name, call in asked.items():
        for _ in range(WARM):
            await call()
        tries = []
        for _ in range(TRIES):
            await asyncio.sleep(0.3)  # what is done after the answer is not the next request's
            trace.calls, trace.recording = [], True
            await call()
            trace.recording = False
            tries.append(trace.calls)
        found[name] = Trace(min(tries, key=len))
    writer.close()
    server.should_exit = True
    await serving
    return found


def run() -> dict[str, Trace]:
    """The traces of the two, by their names."""
    trace = Trace()
    # The store's own thread too.
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        with TemporaryDirectory(prefix="visor-trace-") as folder:
            return asyncio.run(traced(trace, folder))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.trace", description=__doc__)
    parser.add_argument("--list", action="store_true", help="show the calls")
    listed = parser.parse_args().list
    traces = run()
    for name, trace in traces.items():
        calls, functions, files, changes = trace.figures
        print(f"{name}: {calls} calls, {functions} functions, {files} files, {changes} changes of file")  # noqa: T201
        for file, function in trace.calls if listed else ():
            print(f"    {file:36} {function}")  # noqa: T201


if __name__ == "__main__":
    main()
