"""The capacity of a service: what is in use (requests, writes, streams), and the limits."""

from collections.abc import Callable

from app.errors import TooManyRequests, TooManySubscribers


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


def too_many(detail: str) -> TooManyRequests:
    """The refusal of what there is no room for now."""
    return TooManyRequests(f"{detail} Try again.", headers={"Retry-After": "1"})


def _too_many_subscribers(what: str) -> TooManySubscribers:
    return TooManySubscribers(
        f"{what}, as many as it is allowed to. Try again, or use another replica.",
        headers={"Retry-After": "1"},
    )
