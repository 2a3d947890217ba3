"""A Visor of a later version: passes calls on to a real one, and adds to the answers what a later may add.

    python -m tests.sdks.later_visor URL    says where it listens

Every object has a field more. `running` is called `warming`, a status that no version has. Lists and streams
of events have a `quota-update`, and a snapshot has a `quota`. `in-use` is `held`, a code that no version has;
a stop of what does not run is answered with 425, a status that no operation declares.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

FIELD = {"since": "a later version", "values": [1, None, {"deep": True}]}
"""The value of a field that no version has."""

FREE = {"env", "vars", "limits", "secrets"}
"""Under these the names of the fields are the user's own, or a patch's."""

NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "host"}


def later(value: Any) -> Any:
    """An answer as a later version would give it."""
    if isinstance(value, list):
        return [later(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: each if name in FREE else later(each) for name, each in value.items()}
    if found.get("status") == "running":
        found["status"] = "warming"
    if "pending" in found and "claimed" in found:  # counts by status
        return {**found, "warming": 0}
    if "next" in found and any("index" in each for each in found["items"]):
        found["items"] = [quota(found["items"][0]), *found["items"]]
    if found.get("code") == "in-use":
        found |= {"code": "held", "type": "/problems/held"}
    return {**found, "in_a_later_version": FIELD}


def quota(event: dict[str, Any]) -> dict[str, Any]:
    """An event of a type that no version has, at the place of another."""
    kept = {name: event[name] for name in ("rev", "index", "at", "actor")}
    return {**kept, "type": "quota-update", "quota": 7, "object": {"instances": {"of": [7, None]}}}


def later_frames(lines: Iterator[bytes]) -> Iterator[bytes]:
    """A stream of events with more in it."""
    name = ""
    more = True
    for line in lines:
        if line.startswith(b"event: "):
            name = line[7:].strip().decode()
        if line.startswith(b"data: ") and name not in ("bookmark", "gone", "snapshot-end"):
            data = json.loads(line[6:])
            line = b"data: %s\n" % json.dumps(later(data)).encode()
            if more and name == "snapshot":
                kind = {"rev": data["rev"], "type": "snapshot", "kind": "quota", "object": {"quota": 7}}
                line += b"\nevent: snapshot\ndata: %s\n" % json.dumps(kind).encode()
                more = False
            elif more and name != "snapshot":
                line += b"\nevent: quota-update\ndata: %s\n" % json.dumps(quota(data)).encode()
                more = False
        yield line


class Handler(BaseHTTPRequestHandler):
    """Passes one call on."""

    upstream: str

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding"):
            body = b"".join(self._chunks())
        kept = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
        connection = HTTPConnection(self.upstream, timeout=120)
        with closing(connection), suppress(BrokenPipeError, ConnectionResetError):
            connection.request(self.command, self.path, body or None, kept)
            self._pass_on(connection.getresponse())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _pass_on(self, response: HTTPResponse) -> None:
        kind = response.headers.get("Content-Type") or ""
        if kind.startswith("text/event-stream"):
            self._head(response, response.status)
            for line in later_frames(iter(response.readline, b"")):
                self.wfile.write(line)
                if line == b"\n":
                    self.wfile.flush()
            return
        body, status = response.read(), response.status
        if "json" in kind and body:
            said = later(json.loads(body))
            if said.get("code") == "invalid-state" and urlsplit(self.path).path.endswith("/stop"):
                status = said["status"] = 425
            body = json.dumps(said).encode()
        self._head(response, status, body)
        self.wfile.write(body)

    def _head(self, response: HTTPResponse, status: int, body: bytes | None = None) -> None:
        self.send_response_only(status)
        for name, value in response.headers.items():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Visor-Later", "yes")
        if body is None:
            self.close_connection = True
            self.send_header("Connection", "close")
        elif status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def main() -> None:
    Handler.upstream = urlsplit(sys.argv[1]).netloc
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
