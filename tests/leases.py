"""Leases that are to be renewed in time by tests: on a machine that is busy a second may be over before."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class Try:
    """A try with leases of `ttl` seconds. What has to be done before one ends is done in `in_time`. Where
    this machine was too slow for that, a failure is none, and there is another try with more time."""

    def __init__(self, number: int, ttl: int, *, last: bool) -> None:
        self.number, self.ttl = number, ttl
        self.failed = False
        self._last = last
        self._late = False
        self._since: float | None = None

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Around the call that begins a lease, each that renews it, and one that it has to be there for."""
        began = time.monotonic()
        try:
            yield
        finally:
            if self._since is not None and time.monotonic() - self._since >= self.ttl:
                self._late = True
            self._since = began

    def __enter__(self) -> "Try":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self.failed = isinstance(error, AssertionError) and self._late and not self._last
        return self.failed


def tries(*ttls: int) -> Iterator[Try]:
    """`for attempt in tries(1, 5, 30): with attempt: ..` goes on until one was in time."""
    for number, ttl in enumerate(ttls):
        attempt = Try(number, ttl, last=ttl == ttls[-1])
        yield attempt
        if not attempt.failed:
            return
