"""The head of one request: its target and headers, and whether the request can be served as it is framed."""

import urllib.parse

import httptools

from app.errors import MalformedRequest, UnsupportedTransferCoding


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

    def add(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"transfer-encoding":
            self._codings += [coding.strip().lower() for coding in value.split(b",")]
        elif name == b"expect":
            self.expects_continue = value.lower() == b"100-continue"
        self.headers.append((name, value))

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
