"""What a program that follows events has to come through: a proxy that behaves as proxies do, and what is
compacted meanwhile. Its command is given a URL, prints `{"services", "begins"}` after each message, and ends
when it has seen the service `zz`, the last by name."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.client.lossy_proxy import Relay
from tests.client.lossy_proxy import refusal as answer_of_proxy
from tests.serving import serving

SECONDS = 90
PATH = "/events?snapshot=true&type=service-*"


_GONE_AT_ITS_PLACE = b"410"

GONE = [_GONE_AT_ITS_PLACE] * 10_000
"""Answers of 410 for as long as a place is told, as of a service that is asked without `snapshot=true`."""


def refusal(status: str, *headers: str) -> bytes:
    """An answer as a proxy gives it before it closes."""
    return answer_of_proxy(status, "Connection: close", *headers)


class Proxy(Relay):
    """Answers each connection with the next of its answers; after the last, and where one is None, it passes
    everything on. `cut` ends the connections that are open."""

    def __init__(self, port: int, answers: list[bytes | None]) -> None:
        self.answers = answers
        super().__init__(port)

    def _pass(self, client: socket.socket) -> None:
        answer = self.answers.pop(0) if self.answers else None
        with client, suppress(OSError):
            head = client.recv(65536)
            if answer is _GONE_AT_ITS_PLACE:
                answer = refusal("410 Gone") if b"last-event-id" in head.lower() else None
            if answer is not None:
                client.sendall(answer)
                return
            with socket.create_connection(("127.0.0.1", self._upstream)) as upstream:
                self._open += [client, upstream]
                upstream.sendall(head)
                while part := upstream.recv(65536):
                    client.sendall(part)


@contextmanager
def _running(command: Sequence[str | Path], url: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [*command, url], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # What does not come through may wait for ever.
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def comes_through(command: Sequence[str | Path], folder: Path, last: Sequence[bytes | None] = ()) -> None:
    """A proxy that is away, a server that is full, a cut, and a place that is gone meanwhile: the stream says
    so (`gone`), or in its place what is in `last`. Raises AssertionError."""
    with serving(history=3) as visor:
        for name in "ab":
            visor.made("/services", {"name": name})
        proxy = Proxy(
            visor.port,
            [
                refusal("503 Service Unavailable"),
                b"",  # closed without an answer
                refusal("429 Too Many Requests", "Retry-After: 0"),
                refusal("200 OK"),  # a page of its own
            ],
        )
        with _running(command, f"http://127.0.0.1:{proxy.port}{PATH}", folder) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            said = iter(process.stdout.readline, "")
            told = [next(said, "") for _ in "ab"]
            assert told[1], process.stderr.read()
            assert [json.loads(line)["services"] for line in told] == [["a"], ["a", "b"]]
            visor.made("/services", {"name": "c"})
            before = json.loads(next(said))
            assert before["services"] == ["a", "b", "c"]
            proxy.answers = [refusal("504 Gateway Timeout")] * 3
            visor.delete("/services/a")
            assert json.loads(next(said))["services"] == ["b", "c"]
            proxy.cut()  # it comes back with its place: nothing is told again
            visor.made("/services", {"name": "d"})
            resumed = json.loads(next(said))
            assert resumed == {"services": ["b", "c", "d"], "begins": before["begins"]}
            proxy.answers = [refusal("502 Bad Gateway")] * 10_000
            proxy.cut()
            for name in "efghi":
                visor.made("/services", {"name": name})
            visor.delete("/services/b")
            proxy.answers = list(last)  # its place is gone by now
            visor.made("/services", {"name": "zz"})
            *_, ended = map(json.loads, said)
            wanted = {
                "services": ["c", "d", "e", "f", "g", "h", "i", "zz"],
                "begins": before["begins"] + 1,  # told that its place is gone
            }
            assert ended == wanted, ended
            assert process.wait(30) == 0, process.stderr.read()
        proxy.close()
