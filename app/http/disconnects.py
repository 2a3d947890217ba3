"""Noticing that a client went away while its call waits."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.http.context import Call

T = TypeVar("T")


class Gone(Exception):
    """The client has closed its connection."""


async def until_gone(call: Call, waiting: Coroutine[Any, Any, T]) -> T:
    """What is waited for. Raises Gone where the client leaves first. The call's body has to be read
    before: from then on the server says nothing but that the client is gone."""
    work = asyncio.create_task(waiting)
    leaving = asyncio.create_task(_left(call))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        # Gone counts more: what was waited for would be given to nobody.
        if leaving.done():
            raise Gone
        return work.result()
    finally:
        for task in (work, leaving):
            task.cancel()
        await asyncio.gather(work, leaving, return_exceptions=True)


async def _left(call: Call) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass
