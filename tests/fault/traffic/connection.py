"""HTTP/1.1 over one kept connection, as cheap as it gets: the load has to leave the cores to the service."""

import asyncio
import itertools
from dataclasses import dataclass


class NotSent(Exception):
    """There was no connection: the request cannot have had an effect."""


class Cut(Exception):
    """The request went out, and no whole answer came."""


@dataclass(slots=True)
class Answer:
    """`headers` by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    return int(first.split(" ", 2)[1]), {
        name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
    }


_serial = itertools.count(1)


class Connection:
    """A connection to a port, opened when it is needed. `serial` names the present one: while it lasts,
    whoever answers is one process."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._at = address, port
        self.serial = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], seconds: float
    ) -> Answer:
        """The whole answer. Raises NotSent, Cut."""
        reader, writer = await self._open(seconds)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{n}: {v}" for n, v in headers.items())]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        try:
            async with asyncio.timeout(seconds):
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
                status, found = parse_head(await reader.readuntil(b"\r\n\r\n"))
                said = await _body(reader, found)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise Cut from error
        except BaseException:
            self.close()
            raise
        if found.get("connection") == "close":
            self.close()
        return Answer(status, found, said)

    async def _open(self, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            try:
                async with asyncio.timeout(seconds):
                    self._reader, self._writer = await asyncio.open_connection(*self._at)
            except (OSError, TimeoutError) as error:
                raise NotSent from error
            self.serial = next(_serial)
        return self._reader, self._writer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers.get("content-length", "0"))
        return await reader.readexactly(length) if length else b""
    parts = []
    while length := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(length))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)
