"""The file of an import: lines of JSON, each checked and added to the sum while it arrives."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from app.errors import InvalidRequest, MalformedRequest
from app.events.turns import Turns
from app.http import json_body
from app.models import codec
from app.models.paths import path_of
from app.models.revs import SCHEMA_VERSION
from app.registry.import_entries import ORDER, ImportEntry, entry_of, wrong
from app.registry.transfer import Following

FORMAT = 1
"""What the first line of an export says of its form."""

MAX_LINE = codec.MAX_RESOURCE + 16 * 1024
"""Bytes of a line: an object as it is kept, its path and its revs."""

MAX_VALUES = 8_000
"""Values in a line: an app has 2,000 variables and 500 secrets."""

LARGE = 64 * 1024
"""Bytes from which a line is read in a thread: a megabyte takes some ten milliseconds."""

LOOK = 16
"""Lines that are read between two looks at the clock: a millisecond or two."""

_HEADER = {"visor", "rev", "at", "schema"}
_TRAILER = {"end", "objects", "sha256"}


class ImportFile:
    """Reads a file from its first line to its last. `following` is what its registry would have given next,
    where it says so; `objects` are those that were read."""

    def __init__(self, parts: AsyncIterator[bytes], turns: Turns) -> None:
        self._parts = parts
        self._turns = turns
        self._sum = hashlib.sha256()
        self._line = 0
        self._begun = self._ended = False
        self._last = (-1, "")
        self.objects = 0
        self.following: Following | None = None

    async def entries(self) -> AsyncIterator[ImportEntry]:
        """The objects, in the order of the file. Ends only where the last line vouches for all before it.
        Raises InvalidRequest that names the line."""
        async for line in self._lines():
            self._line += 1
            if self._ended:
                raise wrong(self._line, "it comes after the last line, the one with `end`")
            large = len(line) > LARGE
            content = await asyncio.to_thread(self._read, line) if large else self._read(line)
            if not self._begun:
                self._begin(content)
            elif "end" in content:
                self._end(content)
            else:
                entry = (
                    await asyncio.to_thread(entry_of, self._line, content) if large else self._entry(content)
                )
                self._check_order(entry)
                self.objects += 1
                yield entry
            self._sum.update(line)
            # Not after each: to ask takes a system call.
            if (large or self._line % LOOK == 0) and self._turns.over:
                await self._turns.give_way()
        if not self._ended:
            raise self._cut_off()

    def _entry(self, content: dict[str, Any]) -> ImportEntry:
        return entry_of(self._line, content)

    async def _lines(self) -> AsyncIterator[bytes]:
        """Each line with its end; the last may have none."""
        pieces: list[bytes] = []
        size = 0
        async for part in self._parts:
            begin = 0
            while (end := part.find(b"\n", begin)) >= 0:
                pieces.append(part[begin : end + 1])
                self._check_size(size + len(pieces[-1]))
                yield b"".join(pieces)
                pieces, size, begin = [], 0, end + 1
            if begin < len(part):
                pieces.append(part[begin:])
                size += len(part) - begin
                self._check_size(size)
                if len(pieces) > 1000:
                    pieces = [b"".join(pieces)]
        if pieces:
            yield b"".join(pieces)

    def _check_size(self, size: int) -> None:
        if size > MAX_LINE:
            raise wrong(self._line + 1, f"a line has at most {MAX_LINE} bytes")

    def _read(self, line: bytes) -> dict[str, Any]:
        try:
            content = json_body.parse(line, MAX_VALUES)
        except MalformedRequest as error:
            if not line.endswith(b"\n"):
                raise self._cut_off() from None
            raise wrong(self._line, error.detail.removeprefix("The body ").rstrip(".")) from None
        if not isinstance(content, dict):
            raise wrong(self._line, "Input should be an object", kind="dict_type")
        return content

    def _begin(self, header: dict[str, Any]) -> None:
        self._begun = True
        if header.get("visor") != FORMAT or not _is_number(header["visor"]):
            what = "the first line of an export says `visor` and the form, which is 1"
            raise wrong(self._line, f"{what}: send what GET /export gives, as it is", "visor")
        if header.keys() - {"next"} != _HEADER:
            raise wrong(self._line, f"the first line has {_listed(_HEADER)}, and may have next")
        if not _is_number(header["schema"]) or header["schema"] < 1:
            raise wrong(self._line, "Input should be a number from 1", "schema")
        if header["schema"] > SCHEMA_VERSION:
            what = f"the file is of a newer Visor, and this one knows schemas up to {SCHEMA_VERSION}"
            raise wrong(self._line, what, "schema")
        if "next" in header:
            self.following = self._following(header["next"])

    def _following(self, numbers: Any) -> Following:
        if not isinstance(numbers, dict) or numbers.keys() != set(Following._fields):
            raise wrong(self._line, "should have `instance` and `port`", "next")
        for name, number in numbers.items():
            if number is not None and not (_is_number(number) and 0 < number < 2**63):
                raise wrong(self._line, "Input should be a number from 1, or null", "next", name)
        return Following(**numbers)

    def _check_order(self, entry: ImportEntry) -> None:
        """What comes in order comes once."""
        place = (ORDER.index(entry.kind), entry.key)
        if place <= self._last:
            if place == self._last:
                raise wrong(self._line, "the object was in the line before already", "path")
            before = path_of(self._last[1])
            raise wrong(self._line, f"is out of order: an export has it before {before}", "path")
        self._last = place

    def _end(self, trailer: dict[str, Any]) -> None:
        self._ended = True
        if trailer.keys() != _TRAILER or trailer["end"] is not True:
            raise wrong(self._line, f"the last line has {_listed(_TRAILER)}")
        if trailer["objects"] != self.objects or not _is_number(trailer["objects"]):
            objects = str(trailer["objects"])[:20]
            what = f"the file says that it has {objects} objects, and has {self.objects}: it was changed"
            raise wrong(self._line, what, "objects")
        if trailer["sha256"] != self._sum.hexdigest():
            raise wrong(
                self._line, "the sum is not that of the lines before it: the file was changed", "sha256"
            )

    def _cut_off(self) -> InvalidRequest:
        if self._line == 0:
            return wrong(1, "the body is empty: send what GET /export gives")
        return wrong(
            self._line, "the file ends here, without the line that has `end`: it was cut off. Export again"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
