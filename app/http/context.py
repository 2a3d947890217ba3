"""What every handler works with: the parts of the service, and the call that it answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from app.errors import RequestError
from app.events.chronicle import Chronicle
from app.events.claim_queue import ClaimQueue
from app.events.fanout import Channels
from app.events.hub import Hub
from app.events.key_watch import KeyWatch
from app.events.seen_times import SeenTimes
from app.events.stream import Pace
from app.http.access import Access
from app.http.bounds import Bounds
from app.http.comparing import Comparisons
from app.http.given import Given
from app.http.header_lists import joined
from app.http.large_answer import Untaken
from app.http.permits import Capacity, Permit
from app.http.principal import Principal
from app.http.resolving import Resolver
from app.keyring import Keyring
from app.registry.object_limits import ObjectLimits
from app.registry.permissions import Row
from app.store.contract import Store


@dataclass(slots=True)
class Context:
    """The parts of one running service."""

    store: Store
    hub: Hub
    channels: Channels
    claim_queue: ClaimQueue
    key_watch: KeyWatch
    chronicle: Chronicle
    seen_times: SeenTimes
    capacity: Capacity
    pace: Pace
    resolver: Resolver
    bounds: Bounds
    access: Access
    keyring: Keyring
    object_limits: ObjectLimits = field(default_factory=lambda: ObjectLimits({}))
    comparisons: Comparisons = field(default_factory=Comparisons)
    durable: bool = True
    """Whether a rev that was given means the same after a restart."""
    draining: bool = False
    """Whether the service has been told to end, and serves on for a while."""
    discovering: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Held while an answer of `/discovery` is made: each may take 20 MB."""
    untaken: Untaken = field(default_factory=Untaken)
    """What slow readers of large answers have not taken yet."""
    importing: bool = False
    """Whether an import is on its way: there is one at a time."""


def the_context() -> Context:
    """Declares that a handler takes the context. Never called: the front hands over the one it was given."""
    raise NotImplementedError


Ctx = Annotated[Context, Depends(the_context)]


class Call(HTTPConnection):
    """One request on its way through the front. A handler takes it by declaring `call: Call`.

    `given` comes from the server, `permit` is what it holds of the server's limits. `fields` are its headers
    by name, in lower case, several lines of one header joined by commas. `query` is what its query string
    says, and `content` its body, once these are read; `parts` is the body of a route that reads it as it
    arrives. `sends_body` is whether its client may still be sending that, `too_long` whether it says that
    it will be over the limit of bodies that are read whole. `is_head` is whether only the head of its answer
    goes out, `is_known` whether the same request head has come on its connection before, and was let in.
    """

    query: Sequence[tuple[str, str]] = ()
    content = b""
    parts: AsyncIterator[bytes]
    sends_body = False
    too_long = False

    # Who asks, and what may be done by whom: known once the front has found out.
    principal: Principal
    row: Row

    # Whether the same request has the same answer for as long as it has one.
    lasting = False

    # What becomes of it, for the record.
    template: str | None = None
    status: int | None = None
    answered: Sequence[tuple[bytes, bytes]] = ()
    error: RequestError | None = None

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, permit: Permit, given: Given | None = None
    ) -> None:
        headers, given = scope["headers"], given or Given()
        # As HTTPConnection has it: what kind of scope it is was looked at.
        self.scope = scope
        self.method: str = scope["method"]
        self.is_head = self.method == "HEAD"
        self.receive = receive
        self.send = send
        self.permit = permit
        self.given = given
        peer = given.peer
        self.is_known = peer is not None and peer.head == (self.method, headers)
        self.fields: Mapping[bytes, bytes] = (
            peer.fields if peer is not None and self.is_known else joined(headers)
        )
