"""A real service for tests: the application on a real server in a thread, on a free port."""

import asyncio
import atexit
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, TypeVar

import httpx2

from app.main import create_app
from app.server.server import VisorServer, build_config, listen
from app.server.tls import Tls
from app.settings import Settings
from app.store.contract import Store

T = TypeVar("T")

APP = {"name": "cat", "repo_url": "https://git.example.com/cat.git", "stack": "lenny"}
RAW_HOSTS = "x,a,b,visor,bench"
"""What raw requests of the tests name as their host."""

ARCHIVE = "https://archive.example.com/cat/128af9.img"


KEYRING = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"
"""The keyring of the tests' services: the same for all, so that fingerprints are."""


@cache
def keyring_file() -> str | None:
    """A file with it; None where the package is not installed: only what sets a secret needs it."""
    if find_spec("cryptography") is None:
        return None
    file = Path(mkdtemp(prefix="visor-keyring-"), "keyring")
    file.touch(0o600)
    file.write_text(KEYRING)
    atexit.register(rmtree, file.parent)
    return str(file)


class QuickServer(VisorServer):
    """One that does not wait for the next tick of its loop, up to 0.1 s, to see that it is to end: thousands
    of tests end a server each."""

    async def startup(self, sockets: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 0.1)

    def end(self) -> None:
        """As `should_exit = True`, from another thread."""
        self.should_exit = True
        with suppress(RuntimeError):  # it has ended already, and its loop is closed
            self._loop.call_soon_threadsafe(self._ended.set)


class Service:
    """A running service. `url` is where it answers; `client` a keep-alive client of it; `start` the rev at
    which it was started; `coordinator` what keeps its store: memory, sqlite or etcd."""

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self.app = create_app(settings, store)
        socket = listen("127.0.0.1", 0)
        self.port: int = socket.getsockname()[1]
        self.tls = Tls.of(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        self.url = f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"
        config = build_config(
            self.app.front,
            header_timeout=settings.header_timeout,
            max_header=settings.max_header,
            send_timeout=settings.send_timeout,
            max_connections=settings.max_connections,
            shutdown_timeout=settings.shutdown_timeout,
            rev=lambda: self.context.store.rev,
            admission=self.app.admission,
            refusals=self.app.refusals,
            root_path=settings.root_path,
            tls=self.tls,
        )
        self.server = QuickServer(
            config, self.app.stop, drain=settings.drain, on_draining=self.app.begin_draining
        )
        self._socket = socket
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        while not self.server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the service did not start")
            self._thread.join(0.005)
        # Plain HTTP mostly: to load the authorities of TLS would take most of a start.
        self.client = httpx2.Client(base_url=self.url, timeout=90, verify=False)
        self.start: int = self.context.store.rev
        self.coordinator = settings.store.partition(":")[0]
        self._writes = 0
        self._count_writes(self.context.store)

    def _count_writes(self, store: Any) -> None:
        transact = store.transact

        async def counted(*given: Any) -> Any:
            self._writes += 1
            try:
                return await transact(*given)
            finally:
                self._writes -= 1

        store.transact = counted

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            runner.run(self.server.serve(sockets=[self._socket]))

    @property
    def context(self) -> Any:
        """The parts of the service (`app.http.context.Context`), for looking inside."""
        return self.app.context

    @property
    def settled(self) -> bool:
        """Whether nothing is being worked on, neither a request nor the write of one that waits."""
        return self._writes == 0 and bool(self.context.capacity.requests == 0)

    def inside(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this in the service's own event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def nth(self, commit: int) -> int:
        """The rev of the so-manieth commit since the service was started, made one after the other: etcd,
        which others use too, does not begin at 0, and leaves room for a thousand in each of its
        revisions."""
        return self.start + commit * self.step

    def after(self, rev: int, commits: int = 1) -> int:
        """The rev so many commits later, made one after the other."""
        return rev + commits * self.step

    @property
    def step(self) -> int:
        """Between the revs of two commits that are made one after the other."""
        return 1000 if self.coordinator == "etcd" else 1

    def tag(self, commit: int) -> str:
        """The ETag of what that commit has changed last."""
        return f'"{self.nth(commit)}"'

    def stop(self) -> None:
        """As SIGTERM does."""
        self.client.close()
        self.server.end()
        self._thread.join(20)
        self._socket.close()
        assert not self._thread.is_alive(), "the service did not stop"

    # What tests say again and again.

    def post(self, path: str, json: Any = None, **more: Any) -> httpx2.Response:
        return (
            self.client.post(path, json=json, **more) if json is not None else self.client.post(path, **more)
        )

    def put(self, path: str, json: Any, **more: Any) -> httpx2.Response:
        return self.client.put(path, json=json, **more)

    def patch(self, path: str, json: Any, **more: Any) -> httpx2.Response:
        return self.client.patch(path, json=json, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.client.get(path, **more)

    def delete(self, path: str, **more: Any) -> httpx2.Response:
        return self.client.delete(path, **more)

    def made(self, path: str, json: Any) -> Any:
        """What a POST that has to succeed made."""
        answer = self.post(path, json)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def runnable(self, app: str = "cat", proctype: str = "web", ref: str = "128af9") -> None:
        """An app with an accepted revision and a proctype."""
        self.made("/apps", {**APP, "name": app})
        self.made(f"/apps/{app}/revisions", {"ref": ref, "archive_url": ARCHIVE})
        self.made(f"/apps/{app}/proctypes", {"name": proctype})

    def ticket(
        self, app: str = "cat", proctype: str = "web", ref: str = "128af9", env: str | None = None
    ) -> int:
        """The id of a new pending instance."""
        made = self.made("/instances", {"app": app, "revision": ref, "proctype": proctype, "env": env})
        id: int = made["id"]
        return id

    def scale(self, count: int, app: str = "cat", proctype: str = "web", ref: str = "128af9") -> Any:
        """The answer to a scale that has to succeed."""
        answer = self.put(f"/apps/{app}/proctypes/{proctype}/scale", {"revision": ref, "count": count})
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def rev(self) -> int:
        rev: int = self.get("/rev").json()["rev"]
        return rev


@contextmanager
def serving(**settings: Any) -> Iterator[Service]:
    """A service with these settings (the store in memory, if not told). Writes have a minute to become
    durable: after the usual 2.5 s their outcome is unknown, and a busy machine takes as long now and then."""
    defaults = {
        "store": "memory:",
        "commit_timeout": 60,
        "log_level": "warning",
        "allowed_hosts": RAW_HOSTS,
        "keyring_file": keyring_file(),
    }
    service = Service(Settings(**{**defaults, **settings}))
    try:
        yield service
    finally:
        service.stop()
