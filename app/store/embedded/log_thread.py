"""The one thread in which the log of an embedded store is read and written."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class _Job(NamedTuple):
    call: Callable[[], Any]
    loop: asyncio.AbstractEventLoop | None
    done: "asyncio.Future[Any] | None"


class LogThread:
    """Runs calls one after the other, in their order.

    An executor does the same with a future of its own beside that of asyncio, two locks and one more turn of
    the event loop: some 25 us, for which a client that writes alone would wait each time.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: Thread | None = None

    def run(self, call: Callable[..., T], *given: Any) -> "asyncio.Future[T]":
        """What the call returns or raises. Whoever stops waiting does not stop it."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._put(_Job(lambda: call(*given), loop, done))
        return done

    def submit(self, call: Callable[[], None]) -> None:
        """Have it run, without waiting. It must not raise."""
        self._put(_Job(call, None, None))

    def _put(self, job: _Job) -> None:
        if self._thread is None:
            # A daemon: a disk that hangs must not keep the process from ending.
            self._thread = Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            value: Any = None
            error: BaseException | None = None
            try:
                value = job.call()
            except BaseException as raised:
                error = raised
            if job.loop is not None and job.done is not None:
                with suppress(RuntimeError):  # the loop has ended: nobody waits
                    job.loop.call_soon_threadsafe(_settle, job.done, value, error)
            # Nothing is kept until the next one comes.
            del job, value, error

    def end(self) -> None:
        """No more is run than what has been given so far."""
        self._jobs.put(None)

    def join(self) -> None:
        """Return when all of it is done."""
        if self._thread is not None:
            self._thread.join()


def _settle(done: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
    if done.done():
        return  # whoever waited has stopped
    if error is None:
        done.set_result(value)
    else:
        done.set_exception(error)
