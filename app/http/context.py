"""What every handler works with, put on the application by `main`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.events.claim_queue import ClaimQueue
from app.events.fanout import Channels
from app.events.hub import Hub
from app.events.key_watch import KeyWatch
from app.events.stream import Pace
from app.http.bounds import UNSET, Bounds
from app.http.places import Slots
from app.http.resolving import Resolver
from app.store.contract import Store


@dataclass(slots=True)
class Context:
    """The parts of one running service."""

    store: Store
    hub: Hub
    channels: Channels
    claim_queue: ClaimQueue
    key_watch: KeyWatch
    slots: Slots
    pace: Pace
    resolver: Resolver
    bounds: Bounds = UNSET


async def _context(request: Request) -> Context:
    context: Context = request.app.state.visor
    return context


Ctx = Annotated[Context, Depends(_context)]
