"""Behind a path prefix that a proxy takes away: what names a path has the prefix (DESIGN section 3)."""

import asyncio
import re
import ssl
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2
import pytest

from app.errors import StartError
from app.settings import load
from tests.serving import APP, Service, serving

PREFIX = "/platform/visor"


class StrippingProxy:
    """Takes the prefix away from the request line of each connection's one request, as proxies do, and
    refuses what is not below it."""

    def __init__(self, upstream: int, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` it is reached over TLS, which it ends."""
        self._upstream, self._tls = upstream, tls
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20, ssl=self._tls)
        scheme = "http" if self._tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, rest = head.split(b" ", 2)
        path = target.removeprefix(PREFIX.encode())
        if path == target or path[:1] not in (b"/", b""):
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            rest = re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", rest).replace(
                b"\r\n", b"\r\nConnection: close\r\n", 1
            )
            from_service, to_service = await asyncio.open_connection("127.0.0.1", self._upstream)
            to_service.write(b" ".join([method, path or b"/", rest]) + body)
            while part := await from_service.read(65536):
                writer.write(part)
            to_service.close()
        await writer.drain()
        writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[Service, httpx2.Client]]:
    """A service with the setting, and a client that sees it through the proxy."""
    with serving(root_path=PREFIX, max_body=2048) as service:
        proxy = StrippingProxy(service.port)
        with httpx2.Client(base_url=proxy.url, timeout=60, verify=False) as client:
            yield service, client
        proxy.close()


def test_a_location_leads_to_what_was_made(behind):
    _, client = behind
    made = client.post(f"{PREFIX}/apps", json=APP, headers={"Idempotency-Key": "root"})
    assert made.headers["Location"] == f"{PREFIX}/apps/cat"
    assert client.get(made.headers["Location"]).json() == made.json()
    again = client.post(f"{PREFIX}/apps", json=APP, headers={"Idempotency-Key": "root"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == f"{PREFIX}/apps/cat"
    assert again.content == made.content


def test_a_problems_type_leads_to_its_page(behind):
    """Whoever refuses: a rule, the router, the reader of bodies, or the server before them."""
    service, client = behind
    for answer in (
        client.get(f"{PREFIX}/apps/none"),
        client.get(f"{PREFIX}/nowhere"),
        client.delete(f"{PREFIX}/apps"),
        client.get(f"{PREFIX}/apps?limit=0"),
        client.put(f"{PREFIX}/apps/cat/env/x", json={"value": "x" * 3000}),
        client.get(f"{PREFIX}/apps", headers={"X-Large": "x" * 70_000}),
    ):
        assert answer.status_code >= 400
        problem = answer.json()
        assert problem["type"] == f"{PREFIX}/problems/{problem['code']}"
        page = client.get(problem["type"])
        assert page.status_code == 200
        assert problem["title"] in page.text
    assert service.get("/apps/none").json()["type"] == f"{PREFIX}/problems/not-found"


class Links(HTMLParser):
    """The addresses that a page leads to or loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def test_pages_lead_to_pages_below_the_prefix(behind):
    _, client = behind
    listed = client.get(f"{PREFIX}/problems")
    links = [urljoin(str(listed.url), link) for link in Links(listed.text).found]
    assert len(links) > 20
    page = client.get(links[0])
    assert page.status_code == 200
    [back] = Links(page.text).found
    assert urljoin(links[0], back) == str(listed.url)


def test_the_document_names_the_server_below_the_prefix(behind):
    _, client = behind
    document = client.get(f"{PREFIX}/openapi.json").json()
    assert [server["url"] for server in document["servers"]] == [PREFIX]


def test_the_page_of_the_api_loads_what_it_needs_from_the_service_alone(behind):
    """Under a prefix or none, and a strict policy says so to the browser."""
    service, client = behind
    for seen, prefix in ((client, PREFIX), (service.client, "")):
        page = seen.get(f"{prefix}/docs")
        assert page.headers["Content-Type"].startswith("text/html")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert not re.search(r"<script>|\son\w+=", page.text), (
            "a script in the page, which the policy forbids"
        )
        loaded = [link for link in Links(page.text).found if not link.startswith("data:")]
        assert len(loaded) == 3
        for link in loaded:
            assert not link.startswith(("/", "http")), "relative, and so below any prefix"
            asset = seen.get(urljoin(f"{prefix}/docs", link))
            assert asset.status_code == 200, link
            kind = "text/css" if link.endswith(".css") else "text/javascript"
            assert asset.headers["Content-Type"].startswith(kind)
            assert len(asset.content) > 100
    assert "SwaggerUIBundle" in service.get("/docs/swagger-ui-bundle.js").text
    for name in ("none.js", "..%2Ferrors.py", "LICENSE", "index.html"):
        assert service.get(f"/docs/{name}").status_code == 404, name
    assert service.get("/redoc").status_code == 404, "it came from another origin"


def test_a_prefix_out_of_form_stops_the_start():
    for wrong in ("visor", "/visor/", "/", "/a b", "/a//b", "https://x/visor", "/visor?x"):
        with pytest.raises(StartError, match="VISOR_ROOT_PATH"):
            load(root_path=wrong)
    assert load(root_path="/a/b-c").root_path == "/a/b-c"
    assert load().root_path == ""
