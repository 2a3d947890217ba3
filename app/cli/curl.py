"""`--curl`: the calls of a command as lines to be pasted. A line stays in the shell's history: it has no
token and no secret."""

import re
import shlex
import sys

import httpx2

from app.cli.calling import Printed
from app.cli.contexts import ServiceAddress
from visor_client.trust import verification

_SECRET = re.compile(r"/apps/[^/]+/secrets/[^/]+\Z")

_SHOWN = ("content-type", "if-match", "if-none-match", "visor-reason", "visor-actor", "last-event-id")


class _Printing(httpx2.BaseTransport):
    """Where a write is what is meant, the reads before it are made: what it says comes from them."""

    def __init__(self, words: str, reads: httpx2.BaseTransport | None) -> None:
        self._words = words
        self._reads = reads

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._reads is not None and request.method == "GET":
            return self._reads.handle_request(request)
        sys.stdout.write(f"{curl_line(request, self._words)}\n")
        raise Printed

    def close(self) -> None:
        if self._reads is not None:
            self._reads.close()


def printing(service: ServiceAddress, *, writes: bool) -> httpx2.Client:
    """A client that prints what it is asked to call; with `writes`, only what would change something. Raises
    ValueError for files that are no good."""
    flags = {"--cacert": service.ca, "--cert": service.cert, "--key": service.key}
    given = [f" {flag} {shlex.quote(file)}" for flag, file in flags.items() if file]
    reads = None
    if writes:
        reads = httpx2.HTTPTransport(verify=verification(service.url, **service.files))
    return httpx2.Client(transport=_Printing("".join(given), reads), verify=False)


def curl_line(request: httpx2.Request, files: str = "") -> str:
    """The call as a shell takes it. The token stays in its variable, and the body of a secret is read from
    the standard input; `files` are flags for TLS."""
    words = ["curl"]
    if request.headers.get("accept") == "text/event-stream":
        words.append("-N")
    try:
        body = request.content.decode()
    except httpx2.RequestNotRead:
        # Of a body that is sent as it is read: from standard input, as curl would have it.
        words.append("-T -")
        body = ""
    if request.method != ("POST" if body else "GET"):
        words += ["-X", request.method]
    words += [
        f"-H {shlex.quote(f'{_title(name)}: {request.headers[name]}')}"
        for name in _SHOWN
        if name in request.headers
    ]
    line = " ".join([*words, shlex.quote(str(request.url))]) + files
    if "authorization" in request.headers:
        line += ' -H "Authorization: Bearer $VISOR_TOKEN"'
    if _SECRET.search(request.url.path):
        body = body and "@-"
    return f"{line} -d {shlex.quote(body)}" if body else line


def _title(name: str) -> str:
    return "-".join(word.upper() if word == "id" else word.capitalize() for word in name.split("-"))
