"""A small application behind the whole HTTP edge, on a real server in a thread."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.errors import NotFound
from app.http.access_log import AccessLog
from app.http.head import Head
from app.http.json_body import StrictRoute
from app.http.limits import Limits
from app.http.metrics import Metrics, MetricsMiddleware, metrics_router
from app.http.places import Slots
from app.http.problem_json import install
from app.http.stamp import Stamp
from app.routers import problems
from app.server.server import VisorServer, build_config, listen


class Thing(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    size: int = 1


class Answer:
    """A response as it came over a socket."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        found = re.match(r"HTTP/1\.1 (\d{3})", lines[0])
        self.raw = raw
        self.status = int(found[1]) if found else 0
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if ": " in line)}


class Connection:
    """A raw connection; reads time out after 5 s."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until_closed(self) -> bytes:
        """All that comes until the server closes."""
        parts = []
        while part := self.socket.recv(65536):
            parts.append(part)
        return b"".join(parts)

    def answer(self) -> Answer:
        """One response with a Content-Length; the connection may stay open."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = self.socket.recv(65536)
            assert part, f"closed after {data!r}"
            data += part
        length = int(Answer(data).headers.get("content-length", "0"))
        while len(data.partition(b"\r\n\r\n")[2]) < length:
            part = self.socket.recv(65536)
            assert part, f"closed after {data!r}"
            data += part
        return Answer(data)

    def fed_until_closed(self, data: bytes) -> float:
        """Send the data again and again until the server has closed; the seconds that took, at most 3."""
        began = time.monotonic()
        while time.monotonic() - began < 3:
            try:
                self.socket.sendall(data)
            except OSError:
                break
            time.sleep(0.05)
        return time.monotonic() - began

    def closed_within(self, seconds: float) -> bool:
        """Whether the server closes in time, without a byte more."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(5)


@dataclass
class Edge:
    """A running server. `gate` holds the requests to /wait until it is set."""

    app: FastAPI
    server: VisorServer
    thread: threading.Thread
    port: int
    slots: Slots
    client: httpx2.Client
    state: dict[str, Any] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)

    def connect(self) -> Connection:
        connection = Connection(self.port)
        self.connections.append(connection)
        return connection

    def shut_down(self) -> float:
        """Ask it to stop; the seconds that took."""
        began = time.monotonic()
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive(), "the server does not stop"
        return time.monotonic() - began

    def eventually(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds, at most 3 s."""
        end = time.monotonic() + 3
        while not holds():
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.01)


def _router() -> APIRouter:
    router = APIRouter(route_class=StrictRoute)

    @router.get("/things/{name}", name="read_thing")
    async def read_thing(name: str, x: int = 0) -> dict[str, str]:
        if name == "none":
            raise NotFound("There is no such thing at rev 5.", rev=5)
        return {"name": name}

    @router.delete("/things/{name}", name="delete_thing")
    async def delete_thing(name: str) -> dict[str, int]:
        return {"rev": 9}

    @router.post("/things", name="create_thing")
    async def create_thing(request: Request, thing: Thing, token: str = "") -> dict[str, Any]:
        raw = await request.body()
        return {**thing.model_dump(), "raw": raw.decode()}

    @router.post("/any", name="take_any")
    async def take_any(value: Any = Body()) -> dict[str, Any]:
        return {"got": value}

    @router.get("/fault", name="fault")
    async def fault(token: str = "") -> None:
        raise RuntimeError("secret internals")

    return router


def build_app(slots: Slots, limits: dict[str, Any]) -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    app.state.stop = asyncio.Event()
    app.state.gate = threading.Event()
    app.state.endless_running = 0
    install(app)

    inner = APIRouter()
    inner.include_router(_router(), prefix="/inner")
    app.include_router(_router())
    app.include_router(inner, prefix="/outer")
    app.include_router(problems.router)

    @app.get("/livez")
    async def livez() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/wait")
    async def wait(request: Request, waiting: bool = False) -> dict[str, bool]:
        async def until_open() -> None:
            while not app.state.gate.is_set():  # noqa: ASYNC110 - set from another thread
                await asyncio.sleep(0.01)

        if waiting:
            with request.state.slot.waiting():
                await until_open()
        else:
            await until_open()
        return {"ok": True}

    @app.get("/cached")
    async def cached() -> Response:
        return JSONResponse({}, headers={"Cache-Control": "max-age=5", "Visor-Rev": "3"})

    @app.get("/stream")
    async def stream(request: Request) -> Response:
        request.state.slot.subscribe()

        async def events() -> AsyncIterator[bytes]:
            app.state.endless_running += 1
            try:
                yield b": hello\n\n"
                await app.state.stop.wait()
                yield b"event: gone\n\n"
            finally:
                app.state.endless_running -= 1

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/flood")
    async def flood() -> Response:
        async def zeros() -> AsyncIterator[bytes]:
            app.state.endless_running += 1
            try:
                while True:
                    yield b"0" * 1000
                    await asyncio.sleep(0)
            finally:
                app.state.endless_running -= 1

        return StreamingResponse(zeros(), media_type="application/octet-stream")

    @app.post("/unread")
    async def unread() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/lax")
    async def lax(request: Request) -> dict[str, int]:
        return {"size": len(await request.body())}

    metrics = Metrics()
    metrics.figures.store(lambda: {"rev": 42.0, "file_bytes": 7.0})
    metrics.figures.gauge("visor_subscribers", "Subscribers.", lambda: slots.subscribers)
    app.include_router(metrics_router(metrics))
    # The last one added is the outermost.
    app.add_middleware(Limits, slots=slots, **limits)
    app.add_middleware(Head)
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(Stamp, rev=lambda: 42)
    app.add_middleware(AccessLog)
    return app


@contextmanager
def running(
    max_requests: int = 50,
    max_subscribers: int = 50,
    limits: dict[str, Any] | None = None,
    **config: Any,
) -> Iterator[Edge]:
    slots = Slots(max_requests=max_requests, max_subscribers=max_subscribers)
    app = build_app(slots, limits or {})
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = VisorServer(build_config(app, rev=lambda: 42, **config))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False)
    edge = Edge(app, server, thread, port, slots, client)
    try:
        edge.eventually(lambda: server.started or not thread.is_alive())
        yield edge
    finally:
        app.state.gate.set()
        client.close()
        for connection in edge.connections:
            connection.socket.close()
        edge.shut_down()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """`with serve(**settings) as edge:` for a server of the test's own."""
    return running


@pytest.fixture(scope="session")
def edge() -> Iterator[Edge]:
    """A server with the default limits, for tests that leave it as it was."""
    with running() as edge:
        yield edge
