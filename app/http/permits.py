"""The capacity of a service: how much of what costs something may be done at a time. A permit is what one
request holds of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from app.errors import TooManyRequests, TooManySubscribers
from app.http.clients import Client

ALWAYS_SERVED = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that need no permit: they are asked most when the server is full."""

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class Capacity:
    """Counts the requests being worked on, the writes among them, the subscribers (event streams and
    waiting calls), and the bytes of bodies that are still arriving.

    Belongs to one event loop. `requests`, `writes`, `subscribers` and `arriving` are what is in use now.
    Writes have a lower limit than all requests: where the store does not get on with them, reads do. Of the
    subscribers, `kept_for_claims` may only be `claims`: hosts that wait for a ticket. `awaited` is whether
    requests wait in line for a permit.
    """

    def __init__(
        self,
        *,
        max_requests: int,
        max_subscribers: int,
        max_writes: int | None = None,
        max_arriving: int = 64 * 1024 * 1024,
        kept_for_claims: int = 0,
    ) -> None:
        self.max_requests = max_requests
        self.max_subscribers = max_subscribers
        self.max_writes = max_requests if max_writes is None else max_writes
        self.max_arriving = max_arriving
        self.kept_for_claims = kept_for_claims
        self.requests = 0
        self.writes = 0
        self.subscribers = 0
        self.claims = 0
        self.arriving = 0
        self.awaited = False
        self._tell: Callable[[], None] = lambda: None

    def when_freed(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the permit of a request has come back, while it is `awaited`."""
        self._tell = tell

    def has_room(self, *, writes: bool) -> bool:
        """Whether one more request, or write, may be worked on."""
        return self.requests < self.max_requests and not (writes and self.writes >= self.max_writes)

    def begin(self, *, writes: bool) -> bool:
        """Count one more request, or write; False where there is no room for it."""
        if self.requests >= self.max_requests or (writes and self.writes >= self.max_writes):
            return False
        self.writes += writes
        self.requests += 1
        return True

    def end(self, *, writes: bool) -> None:
        """Count one request less."""
        self.requests -= 1
        self.writes -= writes
        if self.awaited:
            self._tell()

    def subscribe(self, *, claims: bool) -> None:
        """Count one more subscriber. Raises TooManySubscribers."""
        most = self.max_subscribers
        if self.subscribers >= most:
            raise _too_many_subscribers(f"The server has {most} streams and waiting calls")
        most -= self.kept_for_claims
        if not claims and self.subscribers - self.claims >= most:
            raise _too_many_subscribers(f"The server has {most} streams and calls that wait for no claim")
        self.subscribers += 1
        self.claims += claims

    def unsubscribe(self, *, claims: bool) -> None:
        """Count one subscriber less."""
        self.subscribers -= 1
        self.claims -= claims

    def refusal(self, *, writes: bool) -> TooManyRequests:
        """Of a request, or write, for which there is no room."""
        if writes and self.requests < self.max_requests:
            return too_many(f"The server works on {self.max_writes} writes, as many as it is allowed to.")
        return too_many(f"The server works on {self.max_requests} requests, as many as it is allowed to.")


class _Holds(Enum):
    NOTHING = 0
    REQUEST = 1
    SUBSCRIBER = 2


# To look a member up in its class costs ten times as much as a name of the module.
_NOTHING, _REQUEST, _SUBSCRIBER = _Holds


class Permit:
    """The permit of one request: to be worked on, to be a subscriber, or (at first, and in the end) none.

    A handler finds its own as `call.permit`. The front ends it when the request ends, however that is.
    `waited` is True once it has been a subscriber. A request that `writes` counts among the writes too. Once
    it is known who asks, it counts for that client as well, to its end.
    """

    __slots__ = ("_aside", "_capacity", "_claims", "_client", "_holds", "_of_client", "waited", "writes")

    def __init__(self, capacity: Capacity, *, writes: bool = False) -> None:
        self._capacity = capacity
        self._client: Client | None = None
        self._holds = self._of_client = _NOTHING
        self.writes = writes
        self._claims = False
        self._aside = False
        self.waited = False

    def take(self) -> None:
        """Begin to be worked on. Raises TooManyRequests where there is no room."""
        if self._holds is _NOTHING and not self.taken():
            raise self._capacity.refusal(writes=self.writes)

    def taken(self) -> bool:
        """The same for a permit that holds nothing; False where there is no room."""
        if not self._capacity.begin(writes=self.writes):
            return False
        self._holds = _REQUEST
        return True

    def count_for(self, client: Client) -> None:
        """Count for this client too, once. Raises TooManyRequests where that has as many as it may."""
        if self._client is None:
            if self.writes or client.requests >= client.most_requests:
                client.begin(writes=self.writes)
            else:
                # As `begin` does, at a part of its price.
                client.requests += 1
            self._client, self._of_client = client, _REQUEST

    def subscribe(self, *, claims: bool = False) -> None:
        """Be a subscriber instead, for the rest of the request: for streams. `claims`: one that waits for a
        ticket.

        Call it before the answer starts. Raises TooManySubscribers where there is no room; then it
        goes on as it was.
        """
        if self._holds is _SUBSCRIBER:
            return
        self._capacity.subscribe(claims=claims)
        try:
            if self._client is not None:
                self._client.subscribe()
        except TooManySubscribers:
            self._capacity.unsubscribe(claims=claims)
            raise
        self.release()
        self._leave_client()
        self._claims = claims
        self._holds = self._of_client = _SUBSCRIBER
        self.waited = True

    @contextmanager
    def waiting(self, *, claims: bool = False) -> Iterator[None]:
        """Be a subscriber instead while the body of the `with` runs: for calls that wait. Raises as
        `subscribe` does.

        Afterwards the request ends without counting: those that wait wake together, and would use up
        the capacity of others at once. So have what is left to do short, or inside.
        """
        if self._holds is _SUBSCRIBER:
            yield
            return
        self.subscribe(claims=claims)
        try:
            yield
        finally:
            self.end()

    def step_aside(self) -> None:
        """Do not count for as long as the client is waited for; among its own requests it still does."""
        if self._holds is _REQUEST:
            self.release()
            self._aside = True

    def stepped_aside(self) -> bool:
        """Whether it has stepped aside since this was last asked, and so has to be taken again."""
        aside, self._aside = self._aside, False
        return aside

    def release(self) -> None:
        """Give back what is held of the capacity. May be called again."""
        held, self._holds = self._holds, _NOTHING
        if held is _REQUEST:
            self._capacity.end(writes=self.writes)
        elif held is _SUBSCRIBER:
            self._capacity.unsubscribe(claims=self._claims)

    def end(self) -> None:
        """Count for nothing and nobody any more. May be called again."""
        if self._holds is not _NOTHING:
            self.release()
        if self._of_client is _REQUEST and self._client is not None:
            # As `_leave_client` does: this is the end of most.
            self._of_client = _NOTHING
            self._client.requests -= 1
        else:
            self._leave_client()

    def _leave_client(self) -> None:
        if self._client is None:
            return
        counted, self._of_client = self._of_client, _NOTHING
        if counted is _REQUEST:
            self._client.requests -= 1
        elif counted is _SUBSCRIBER:
            self._client.subscribers -= 1


def too_many(detail: str) -> TooManyRequests:
    """The refusal of what there is no room for now."""
    return TooManyRequests(f"{detail} Try again.", headers={"Retry-After": "1"})


def _too_many_subscribers(what: str) -> TooManySubscribers:
    return TooManySubscribers(
        f"{what}, as many as it is allowed to. Try again, or use another replica.",
        headers={"Retry-After": "1"},
    )
