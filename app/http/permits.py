"""Permits: what a request holds of the service's capacity."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from app.errors import TooManySubscribers
from app.http.capacity import Capacity
from app.http.clients import Client

ALWAYS_SERVED = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that need no permit: they are asked most when the server is full."""

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


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
            client.begin(writes=self.writes)
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
        if self._client is not None:
            self._leave_client()

    def _leave_client(self) -> None:
        if self._client is None:
            return
        counted, self._of_client = self._of_client, _NOTHING
        if counted is _REQUEST:
            self._client.requests -= 1
        elif counted is _SUBSCRIBER:
            self._client.subscribers -= 1
