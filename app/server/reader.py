"""What a connection reads: requests, made of its bytes by httptools."""

import urllib.parse
from enum import Enum
from typing import Any, NoReturn, Protocol

import httptools
from starlette.types import Scope

from app.errors import MalformedRequest, RequestError, UnsupportedTransferCoding

UNREADABLE = "The request is not valid HTTP/1.1. Correct it and send it again."


class Reading(Enum):
    """What is read from the client. See `Connection`."""

    BETWEEN = 1
    HEAD = 2
    BODY = 3
    REFUSED_BODY = 4
    ENDED = 5
    LINGERING = 6


# To look a member up in its class costs ten times as much as a name of the module.
BETWEEN, HEAD, BODY, REFUSED_BODY, ENDED, LINGERING = Reading
NO_MORE = (ENDED, LINGERING)

NOTED = frozenset({b"host", b"transfer-encoding", b"expect"})
"""The headers that the reader itself looks at."""


class RequestHead:
    """Collects what the parser hands out. `size` counts the bytes of the target and of all headers,
    trailers too. What the target says is known once the head was checked."""

    __slots__ = (
        "_codings",
        "_hosts",
        "expects_continue",
        "headers",
        "path",
        "query",
        "raw_path",
        "size",
        "url",
    )

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.size = 0
        self.expects_continue = False
        self._hosts = 0
        self._codings: list[bytes] = []
        self.path = ""
        self.raw_path = b"/"
        self.query = b""

    def note(self, name: bytes, value: bytes) -> None:
        """One header of those that say how the request is to be read."""
        if name == b"host":
            self._hosts += 1
        elif name == b"transfer-encoding":
            self._codings += [coding.strip().lower() for coding in value.split(b",")]
        else:
            self.expects_continue = value.lower() == b"100-continue"

    def check(self, version: str) -> None:
        """Raises MalformedRequest or UnsupportedTransferCoding for a request that must not be begun, and
        MalformedRequest where its target is no URL of a service."""
        if version != "1.1" or self._hosts != 1 or self._codings:
            self._check_framing(version)
        # `//host/path` is a path here: taken for a host, a rule of a proxy for `/path` would not see it.
        is_path = self.url.startswith(b"/")
        try:
            url = httptools.parse_url(b"http://visor" + self.url if is_path else self.url)
            self.raw_path = url.path or b"/"
            path = self.raw_path.decode("ascii")
        except (httptools.HttpParserError, UnicodeDecodeError):
            raise MalformedRequest("The target of the request is not a valid URL.") from None
        if url.userinfo is not None:
            raise MalformedRequest("The target of the request has a user name in it: leave that out.")
        self.path = urllib.parse.unquote(path) if "%" in path else path
        self.query = url.query or b""
        if not is_path and url.host is not None:
            # The host that an absolute target names counts, and not the header.
            others = [pair for pair in self.headers if pair[0] != b"host"]
            self.headers = [(b"host", self._authority()), *others]

    def _check_framing(self, version: str) -> None:
        if version not in ("1.0", "1.1"):
            raise MalformedRequest("The request is not HTTP/1.1 or HTTP/1.0, the versions spoken here.")
        if self._hosts != 1 and (self._hosts or version == "1.1"):
            raise MalformedRequest("A request has to have one Host header.")
        if version == "1.0":
            if self._codings:
                raise MalformedRequest("HTTP/1.0 has no Transfer-Encoding: send a Content-Length.")
            self.expects_continue = False
        if self._codings and self._codings != [b"chunked"]:
            if self._codings[-1] == b"chunked" and b"chunked" not in self._codings[:-1]:
                raise UnsupportedTransferCoding("The only transfer coding taken here is chunked.")
            raise MalformedRequest("The last transfer coding of a request has to be chunked, and only that.")

    def _authority(self) -> bytes:
        rest = self.url.partition(b"://")[2]
        end = min((at for at in map(rest.find, (b"/", b"?", b"#")) if at >= 0), default=len(rest))
        return rest[:end]


class Reader(Protocol):
    """Whoever is told what was read."""

    def request_begins(self) -> None:
        """The first byte of another request has come, while the last one waits for its permit."""

    def request(self, scope: Scope, head: RequestHead) -> None:
        """A head is complete. Raises MalformedRequest where the request is not to be begun."""

    def body_part(self, part: bytes) -> None:
        """A part of the body has come."""

    def body_end(self) -> None:
        """All of the body has come."""

    def last_by_trailer(self) -> None:
        """A trailer has asked for the end of the connection: the request, which ends here, is the last."""


class _Stop(Exception):
    """Raised inside the parser's callbacks to make it stop."""


class RequestReader:
    """Reads the requests of one connection, by the states that `Connection` tells of, and tells `reader`.

    `constant` is what the scopes of all its requests have in common; `prefix` is uvicorn's `root_path`.
    `keeps_alive` is whether the connection goes on after the request that is being read, `last_asked`
    whether its client has asked for the end. `progress` is set whenever the parser hands something out,
    `has_waiting` while the last request waits for its permit.
    """

    __slots__ = (
        "_constant",
        "_fault",
        "_max_header",
        "_parser",
        "_prefix",
        "_reader",
        "_stalled",
        "has_waiting",
        "head",
        "keeps_alive",
        "last_asked",
        "method",
        "progress",
        "state",
    )

    def __init__(self, reader: Reader, max_header: int, prefix: str, constant: dict[str, Any]) -> None:
        self._reader: Reader | None = reader
        self._max_header = max_header
        self._prefix = prefix
        self._constant = constant
        self._parser = self._new_parser()
        self._fault: RequestError | None = None
        self._stalled = 0
        self.state = BETWEEN
        self.head = RequestHead()
        self.method = ""
        self.keeps_alive = True
        self.last_asked = False
        self.progress = False
        self.has_waiting = False

    def feed(self, data: bytes) -> RequestError | None:
        """Read on. What is wrong with it, where it is no request."""
        self.progress = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            return self._decline_upgrade(data[pause.args[0] :])
        except httptools.HttpParserError:
            if self.state not in NO_MORE:
                return self._fault or MalformedRequest(UNREADABLE)
        # The parser hands out a header (or trailer) only when it is whole and keeps it until then:
        # what goes in without anything coming out is bounded here, the rest by the size of the head.
        self._stalled = 0 if self.progress else self._stalled + len(data)
        return self._too_large() if self._stalled > self._max_header else None

    @property
    def is_head(self) -> bool:
        """Whether the answer to the request that is being read has no body."""
        return bool(self._parser.get_method() == b"HEAD")

    def close(self) -> None:
        """Nothing is read any more: the parser and its reader would keep one another."""
        self._parser = self._reader = None

    # The parser's calls.

    def on_message_begin(self) -> None:
        if self.state in NO_MORE or self._reader is None:
            raise _Stop
        if self.has_waiting:
            self._reader.request_begins()
            if self.state in NO_MORE:
                raise _Stop
        self.state = HEAD
        self.head = RequestHead()
        self._fault = None

    def on_url(self, url: bytes) -> None:
        head = self.head
        head.size += len(url)
        if head.size > self._max_header:
            self._stop(self._too_large())
        head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        head = self.head
        head.size += len(name) + len(value) + 4
        if head.size > self._max_header:
            self._stop(self._too_large())
        # A trailer is no header: those are in use by now.
        if self.state is HEAD:
            name = name.lower()
            if name in NOTED:
                head.note(name, value)
            head.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        self.progress = True
        self.method = parser.get_method().decode("ascii")
        if parser.should_upgrade():
            # The parser pauses at the end of this head, which is read once more then without its offer.
            if self.method == "CONNECT":
                self._stop(MalformedRequest("CONNECT is for proxies, and this is none."))
            return
        version = parser.get_http_version()
        assert self._reader is not None
        try:
            self.head.check(version)
            scope = self._scope(version)
            self.keeps_alive = version == "1.1" and parser.should_keep_alive()
            self.last_asked = not self.keeps_alive
            self._reader.request(scope, self.head)
        except RequestError as error:
            self._stop(error)

    def on_body(self, body: bytes) -> None:
        self.progress = True
        if self.state is BODY and self._reader is not None:
            self._reader.body_part(body)

    def on_message_complete(self) -> None:
        state, reader = self.state, self._reader
        if state is HEAD or state in NO_MORE or reader is None:
            return  # of a request that is read once more, or not any more
        self.progress = True
        if self.keeps_alive and not self._parser.should_keep_alive():
            # It is none of the headers, but the parser reads no further.
            self.keeps_alive, self.last_asked, self.state = False, True, ENDED
            reader.last_by_trailer()
        else:
            self.state = BETWEEN if self.keeps_alive else ENDED
        reader.body_end()

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # What follows a request that asks to close is dropped, and no reason to break off its answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _decline_upgrade(self, rest: bytes) -> RequestError | None:
        """Read the request once more as if it had offered no other protocol, body and all.

        The parser takes what follows such a head for that protocol, and what comes later for a new request.
        """
        version = self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self._parser.get_method(), self.head.url, version)]
        lines += [b"%b: %b" % pair for pair in self.head.headers if pair[0] != b"upgrade"]
        self._parser = self._new_parser()
        return self.feed(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _scope(self, version: str) -> Scope:
        head, prefix = self.head, self._prefix
        return {
            **self._constant,
            "http_version": version,
            "method": self.method,
            "path": prefix + head.path,
            "raw_path": prefix.encode("ascii") + head.raw_path,
            "query_string": head.query,
            "headers": head.headers,
        }

    def _stop(self, fault: RequestError) -> NoReturn:
        self._fault = fault
        raise _Stop

    def _too_large(self) -> MalformedRequest:
        limit = self._max_header
        return MalformedRequest(f"The request's headers are over the limit of {limit} bytes. Send fewer.")
