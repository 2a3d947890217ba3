"""A small application behind the whole HTTP edge, on a real server in a thread."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.errors import NotFound
from app.http.access import Access
from app.http.admission import Admission
from app.http.body import Bodies
from app.http.context import Call
from app.http.cors import Cors
from app.http.endpoint import Plan
from app.http.front import Front
from app.http.hosts import Hosts
from app.http.metrics import Metrics, the_metrics
from app.http.metrics import router as metrics_router
from app.http.permits import Capacity
from app.http.routes import Routes
from app.routers import problems
from app.server.server import VisorServer, build_config, listen
from app.store.open import open_store

PATIENCE = 60.0
"""Seconds to wait for what has to happen. It takes moments; a machine that is busy fails no test."""

FED = 10.0
"""Seconds for which a client feeds a connection that is to be closed all the same."""


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
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

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

    def fed_until_closed(self, data: bytes) -> bool:
        """Send the data again and again; whether the server closes in spite of it."""
        end = time.monotonic() + FED
        while time.monotonic() < end:
            try:
                self.socket.sendall(data)
            except OSError:
                return True
            time.sleep(0.05)
        return False

    def closed(self, seconds: float = PATIENCE) -> bool:
        """Whether the server closes within so long, without a byte more."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)


@dataclass
class State:
    """What the tests and the application share."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    endless_running: int = 0


@dataclass
class Edge:
    """A running server. `gate` holds the requests to /wait until it is set."""

    state: State
    server: VisorServer
    thread: threading.Thread
    port: int
    capacity: Capacity
    client: httpx2.Client
    connections: list[Connection] = field(default_factory=list)

    def connect(self) -> Connection:
        connection = Connection(self.port)
        self.connections.append(connection)
        return connection

    def shut_down(self) -> None:
        """Ask it to stop, and see that it does."""
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the server does not stop"

    def eventually(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.01)


def _router() -> APIRouter:
    router = APIRouter()

    @router.get("/things/{name}", name="read_thing")
    async def read_thing(name: str, x: int = 0) -> Response:
        if name == "none":
            raise NotFound("There is no such thing at rev 5.", rev=5)
        return JSONResponse({"name": name})

    @router.delete("/things/{name}", name="delete_thing")
    async def delete_thing(name: str) -> Response:
        return JSONResponse({"rev": 9})

    @router.post("/things", name="create_thing")
    async def create_thing(call: Call, thing: Thing, token: str = "") -> Response:
        return JSONResponse({**thing.model_dump(), "raw": call.content.decode()})

    @router.post("/any", name="take_any")
    async def take_any(value: Any = Body()) -> Response:
        return JSONResponse({"got": value})

    @router.get("/fault", name="fault")
    async def fault(token: str = "") -> Response:
        raise RuntimeError("secret internals")

    @router.get("/livez")
    async def livez() -> Response:
        return JSONResponse({"ok": True})

    @router.get("/cached")
    async def cached() -> Response:
        return JSONResponse({}, headers={"Cache-Control": "max-age=5", "Visor-Rev": "3"})

    @router.post("/lax")
    async def lax(call: Call, value: Any = Body(default=None)) -> Response:
        return JSONResponse({"size": len(call.content)})

    return router


def _endless(state: State) -> APIRouter:
    router = APIRouter()

    @router.get("/wait")
    async def wait(call: Call, waiting: bool = False) -> Response:
        async def until_open() -> None:
            while not state.gate.is_set():  # noqa: ASYNC110 - set from another thread
                await asyncio.sleep(0.01)

        if waiting:
            with call.permit.waiting():
                await until_open()
        else:
            await until_open()
        return JSONResponse({"ok": True})

    @router.get("/stream")
    async def stream(call: Call) -> Response:
        call.permit.subscribe()

        async def events() -> AsyncIterator[bytes]:
            state.endless_running += 1
            try:
                yield b": hello\n\n"
                await state.stop.wait()
                yield b"event: gone\n\n"
            finally:
                state.endless_running -= 1

        return StreamingResponse(events(), media_type="text/event-stream")

    @router.get("/flood")
    async def flood() -> Response:
        async def zeros() -> AsyncIterator[bytes]:
            state.endless_running += 1
            try:
                while True:
                    yield b"0" * 1000
                    await asyncio.sleep(0)
            finally:
                state.endless_running -= 1

        return StreamingResponse(zeros(), media_type="application/octet-stream")

    return router


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


def open_access() -> Access:
    """Everybody may do everything."""
    return Access(open_store("memory:", lambda key, value: (), history=1, memory_revs=1))


def build_front(capacity: Capacity, state: State, limits: dict[str, Any]) -> Front:
    metrics, admission = Metrics(), Admission(capacity, patience=0)
    metrics.figures.store(lambda: {"rev": 42.0, "file_bytes": 7.0})
    metrics.figures.gauge("visor_subscribers", "Subscribers.", lambda: capacity.subscribers)
    routers = (_router(), _endless(state), problems.router, metrics_router)
    plans = [Plan(route, [the_metrics]) for router in routers for route in router.routes]
    return Front(
        Routes(plans, {the_metrics: metrics}),
        admission=admission,
        bodies=Bodies(admission, **limits),
        metrics=metrics,
        hosts=Hosts("127.0.0.1", ["*"]),
        cors=Cors([]),
        access=open_access(),
        rev=lambda: 42,
        lifespan=_nothing,
    )


@contextmanager
def running(
    max_requests: int = 50,
    max_subscribers: int = 50,
    limits: dict[str, Any] | None = None,
    **config: Any,
) -> Iterator[Edge]:
    capacity = Capacity(max_requests=max_requests, max_subscribers=max_subscribers)
    state = State()
    front = build_front(capacity, state, limits or {})
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = VisorServer(build_config(front, rev=lambda: 42, **config), state.stop)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False)
    edge = Edge(state, server, thread, port, capacity, client)
    try:
        edge.eventually(lambda: server.started or not thread.is_alive())
        yield edge
    finally:
        state.gate.set()
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
