"""The registry at one rev as lines, sent while it is read: a header, a line an object, a trailer."""

import hashlib
import logging
from collections.abc import AsyncIterator

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
from app.store.contract import Journal, Record, Snapshot
from app.store.snapshots import Find, ask, find_page

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
        at = None if self._journal is None else rfc3339(self._journal.at)
        front = to_json({"visor": 1, "rev": self._rev, "at": at, "schema": SCHEMA_VERSION}) + b"\n"
        sum, objects = hashlib.sha256(front), 0
        yield front
        async for page in self._pages():
            lines = b"".join(map(_line, page))
            sum.update(lines)
            objects += len(page)
            yield lines
        yield to_json({"end": True, "objects": objects, "sha256": sum.hexdigest()}) + b"\n"

    async def _pages(self) -> AsyncIterator[list[Record]]:
        within = self._within
        single = [key for key in within.single_keys if key != keys.SCHEMA]
        if single:
            found = await ask(await self._snapshot(), lambda snapshot: [snapshot.get(key) for key in single])
            yield [record for record in found if record is not None and readable(record)]
        for term in within.terms:
            after: str | None = ""
            while after is not None:
                page, more = await find_page(await self._snapshot(), _having(term), after, _PAGE, _PAGE_BYTES)
                yield [record for record in page if within.covers(record.key, record.terms)]
                after = page[-1].key if more else None
                turns = self._context.channels.turns
                if turns.over:
                    await turns.give_way()

    async def _snapshot(self) -> Snapshot:
        """Anew for each page: it may have left the memory since."""
        return self._call.principal.see(await self._context.store.at(self._rev))


def _having(term: str) -> Find:
    return lambda snapshot, after, limit: snapshot.scan(term, after=after, limit=limit)


def _line(record: Record) -> bytes:
    return b'{"path":%b,"object":%b}\n' % (to_json(path_of(record.key)), codec.wire(record))


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
