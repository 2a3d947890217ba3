"""The example in docs/events.md, run by node as it stands, through a proxy that behaves as proxies do."""

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.serving import serving

PAGE = Path(__file__).parents[2] / "docs" / "events.md"

DRIVER = """
import { follow } from "./follow.mjs";
const stop = new AbortController();
let services = new Set(), begins = 0;
await follow(process.argv[2], {
  signal: stop.signal,
  pause: 20,
  begin() { services = new Set(); begins += 1; },
  take(message) {
    if (message.type === "snapshot" || message.type === "service-register") services.add(message.service);
    if (message.type === "service-unregister") services.delete(message.service);
    console.log(JSON.stringify({ services: [...services].sort(), begins }));
    if (message.service === "end") stop.abort();
  },
});
"""


class Proxy:
    """Answers each connection with the next of its answers; after the last, and where one is None, it passes
    everything on. `cut` ends the connections that are open."""

    def __init__(self, port: int, answers: list[bytes | None]) -> None:
        self._upstream = port
        self.answers = answers
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        answer = self.answers.pop(0) if self.answers else None
        with client, suppress(OSError):
            head = client.recv(65536)
            if answer is not None:
                client.sendall(answer)
                return
            with socket.create_connection(("127.0.0.1", self._upstream)) as upstream:
                self._open += [client, upstream]
                upstream.sendall(head)
                while part := upstream.recv(65536):
                    client.sendall(part)

    def cut(self) -> None:
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()


@contextmanager
def _following(tmp_path: Path, proxy: Proxy) -> Iterator["subprocess.Popen[str]"]:
    [code] = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "follow.mjs").write_text(code, encoding="utf-8")
    (tmp_path / "driver.mjs").write_text(DRIVER, encoding="utf-8")
    url = f"http://127.0.0.1:{proxy.port}/events?snapshot=true&type=service-*"
    with subprocess.Popen(
        ["node", tmp_path / "driver.mjs", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as node:
        try:
            yield node
        finally:
            node.kill()


def _refusal(status: str, *headers: str, body: str = "<html>busy</html>") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: text/html", *headers]
    return "\r\n".join([*lines, "Connection: close", "", body]).encode()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_page_that_follows_so_comes_through_what_proxies_answer_and_what_is_compacted(
    tmp_path: Path,
) -> None:
    """A proxy that is away, a server that is full, a cut, and a place that is gone meanwhile."""
    with serving(history=3) as visor:
        for name in "ab":
            visor.made("/services", {"name": name})
        proxy = Proxy(
            visor.port,
            [
                _refusal("503 Service Unavailable"),
                b"",  # closed without an answer
                _refusal("429 Too Many Requests", "Retry-After: 0"),
                _refusal("200 OK"),  # a page of its own
            ],
        )
        with _following(tmp_path, proxy) as node:
            assert node.stdout is not None
            assert node.stderr is not None
            said = iter(node.stdout.readline, "")
            assert [json.loads(next(said))["services"] for _ in "ab"] == [["a"], ["a", "b"]]
            visor.made("/services", {"name": "c"})
            before = json.loads(next(said))
            assert before["services"] == ["a", "b", "c"]
            proxy.answers = [_refusal("504 Gateway Timeout")] * 3
            visor.delete("/services/a")
            assert json.loads(next(said))["services"] == ["b", "c"]
            proxy.cut()  # it comes back with its place: nothing is told again
            visor.made("/services", {"name": "d"})
            resumed = json.loads(next(said))
            assert resumed == {"services": ["b", "c", "d"], "begins": before["begins"]}
            proxy.answers = [_refusal("502 Bad Gateway")] * 10_000
            proxy.cut()
            for name in "efghi":
                visor.made("/services", {"name": name})
            visor.delete("/services/b")
            proxy.answers = []  # its place is gone by now
            visor.made("/services", {"name": "end"})
            *_, last = map(json.loads, said)
            assert last == {
                "services": ["c", "d", "e", "end", "f", "g", "h", "i"],
                "begins": before["begins"] + 1,  # told that its place is gone
            }
            assert node.wait(30) == 0, node.stderr.read()
        proxy.close()
