"""`--curl`: the calls of a command as lines to be pasted."""

import shlex
import sys

import httpx2

from app.cli.contexts import Service

_SHOWN = ("content-type", "if-match", "if-none-match", "visor-reason", "visor-actor", "last-event-id")


class Printed(BaseException):
    """The call was printed in place of being made. No Exception: nothing may take it for a failure."""


class _Printing(httpx2.BaseTransport):
    def __init__(self, words: str) -> None:
        self._words = words

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sys.stdout.write(f"{curl_line(request, self._words)}\n")
        raise Printed


def printing(service: Service) -> httpx2.Client:
    """A client that prints what it is asked to call."""
    flags = {"--cacert": service.ca, "--cert": service.cert, "--key": service.key}
    given = [f" {flag} {shlex.quote(file)}" for flag, file in flags.items() if file]
    return httpx2.Client(transport=_Printing("".join(given)), verify=False)


def curl_line(request: httpx2.Request, files: str = "") -> str:
    """The call as a shell takes it. The token stays in its variable; `files` are flags for TLS."""
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
    return f"{line} -d {shlex.quote(body)}" if body else line


def _title(name: str) -> str:
    return "-".join(word.upper() if word == "id" else word.capitalize() for word in name.split("-"))
