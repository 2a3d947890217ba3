"""The registry at one rev as lines, sent while it is read: a header, a line an object, a trailer."""

import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from fastapi import Response
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from app.errors import RequestError
from app.http.context import Call, Context
from app.http.disconnects import Gone, until_gone
from app.models import codec, keys
from app.models.base import rfc3339
from app.models.paths import Subtree, path_of
from app.models.revs import SCHEMA_VERSION
from app.registry.readable import readable
from app.registry.transfer import following_numbers, in_their_life
from app.store.contract import Snapshot
from app.store.records import Journal, Record
from app.store.snapshots import Find, ask, find_page, scan

logger = logging.getLogger(__name__)

NDJSON = "application/x-ndjson"

_PAGE, _PAGE_BYTES = 500, 1024 * 1024
"""Objects that are read at a time, and their bytes."""


class Export:
    """The objects of a subtree in the snapshot at a rev, as who asks sees them."""

    def __init__(
        self, context: Context, call: Call, rev: int, journal: Journal | None, within: Subtree
    ) -> None:
        self._context = context
        self._call = call
        self._rev = rev
        self._journal = journal
        self._within = within

    async def lines(self) -> AsyncIterator[bytes]:
        """Chunks of whole lines. Raises RequestError where the snapshot cannot be read to its end."""
        front = to_json(await self._header()) + b"\n"
        sum, objects = hashlib.sha256(front), 0
        yield front
        async for page in self._pages():
            lines = b"".join(map(_line, page))
            sum.update(lines)
            objects += len(page)
            yield lines
        yield to_json({"end": True, "objects": objects, "sha256": sum.hexdigest()}) + b"\n"

    async def _header(self) -> dict[str, Any]:
        at = None if self._journal is None else rfc3339(self._journal.at)
        header: dict[str, Any] = {"visor": 1, "rev": self._rev, "at": at, "schema": SCHEMA_VERSION}
        if self._within.everything and self._within.instances and self._call.principal.sight.all:
            # So that no id and no port is given again that was given to what is gone.
            following = await ask(await self._snapshot(), following_numbers)
            header["next"] = following._asdict()
        return header

    async def _pages(self) -> AsyncIterator[list[Record]]:
        within = self._within
        single = [key for key in within.single_keys if key != keys.SCHEMA]
        if single:
            records = await ask(
                await self._snapshot(), lambda snapshot: [snapshot.get(key) for key in single]
            )
            yield [record for record in records if record is not None and readable(record)]
        for term in within.terms:
            pages = self._instances(term) if term == within.instances else self._records(_having([term]))
            async for page in pages:
                yield page

    async def _instances(self, term: str) -> AsyncIterator[list[Record]]:
        """Those that live and the entries of those that have ended, by id. What an earlier app or proctype of
        the same name has left is not told, as it is in no list."""
        app = term.partition("=")[2].partition(",")[0]
        snapshot = await self._snapshot()
        proctypes = (
            await ask(snapshot, lambda snapshot: scan(snapshot, keys.proctypes_of(app))) if app else []
        )
        terms = [term, *keys.ended_beside(term, [record.key for record in proctypes])]
        began: dict[str, int] = {}
        async for page in self._records(_having(terms)):
            yield await ask(await self._snapshot(), partial(in_their_life, page, began))

    async def _records(self, find: Find) -> AsyncIterator[list[Record]]:
        after: str | None = ""
        while after is not None:
            page, more = await find_page(await self._snapshot(), find, after, _PAGE, _PAGE_BYTES)
            yield [record for record in page if self._covers(record)]
            after = page[-1].key if more else None
            turns = self._context.channels.turns
            if turns.over:
                await turns.give_way()

    def _covers(self, record: Record) -> bool:
        # Entries of what has ended are found by their own terms alone.
        return keys.is_ended(record.value) or self._within.covers(record.key, record.terms)

    async def _snapshot(self) -> Snapshot:
        """Anew for each page: it may have left the memory since."""
        return self._call.principal.see(await self._context.store.at(self._rev))


def _having(terms: Sequence[str]) -> Find:
    if len(terms) == 1:
        return lambda snapshot, after, limit: scan(snapshot, terms[0], after=after, limit=limit)
    return lambda snapshot, after, limit: snapshot.find([terms], after=after, limit=limit)


def _line(record: Record) -> bytes:
    ended = b'"ended":true,' if keys.is_ended(record.value) else b""
    return b'{"path":%b,%b"object":%b}\n' % (to_json(path_of(record.key)), ended, codec.wire(record))


class ExportAnswer(Response):
    """Sends the lines as its reader takes them. Where they cannot all be read there is no trailer."""

    def __init__(self, export: Export, call: Call, rev: int) -> None:
        # No body, and so no length: not what the base class would begin with.
        self.status_code = 200
        self.background = None
        self.init_headers({"Visor-Rev": str(rev), "Content-Type": NDJSON, "X-Accel-Buffering": "no"})
        self.raw_headers += call.principal.filtered
        self._export = export
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await until_gone(self._call, self._send_all(send))
        except Gone:
            return
        except RequestError as error:
            logger.warning("an export was cut off: %s", error.detail)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        async for chunk in self._export.lines():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
