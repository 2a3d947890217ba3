"""The way of one call: to which member, for how long, with which token, and whether again.

Only who says `repeat` is repeated, save for one case: a member that refuses a token has done nothing,
so the same call goes out again with a new one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from app.store.etcd.client.endpoints import Endpoints, EtcdEndpoint
from app.store.etcd.client.errors import (
    Ambiguous,
    Away,
    Denied,
    EtcdError,
    NotDone,
    StaleToken,
    WrongCluster,
    classify,
)
from app.store.etcd.client.messages import MESSAGES
from app.store.timings import EtcdTimings

T = TypeVar("T")

_PAUSE = 0.05
"""Seconds between two tries of a read that failed at once."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `request`: a whole call, all its tries included. `connect`: of these, how long to wait for
    a connection. `attempt`: one try of a read, where there is another member to ask. `idle`: silence of
    a watch after which its member has to show, in as much time again, that it lives and has a leader."""

    request: float = 2.0
    connect: float = 1.0
    attempt: float = 0.7
    idle: float = 1.0


def failed(failure: grpc.aio.AioRpcError, target: EtcdEndpoint) -> EtcdError:
    """What gRPC's error means. Raise it outside of the `except`: gRPC's own error keeps, by its
    traceback, the call, and that keeps the channel from ending."""
    return classify(failure.code(), failure.details() or "", target.address)


class Calls:
    """Calls to one cluster."""

    def __init__(self, endpoints: Endpoints, user: str, password: str, timeouts: Timeouts) -> None:
        self.endpoints = endpoints
        self.timeouts = timeouts
        self.cluster = 0
        self.timings: EtcdTimings | None = None
        self._loop = asyncio.get_running_loop()
        self._user, self._password = user, password
        self._times: dict[str, Any] = {}
        """Of each kind of call, where its seconds are counted."""
        self._metadata: dict[tuple[bool, str | None], grpc.aio.Metadata] = {}
        self._token: str | None = None if user else ""
        self._login_lock = asyncio.Lock()
        self._closed = False

    async def unary(
        self,
        name: str,
        request: Any,
        within: float | None,
        *,
        repeat: bool = False,
        sent_within: float | None = None,
    ) -> Any:
        async def attempt(target: EtcdEndpoint, seconds: float) -> Any:
            return await target.calls[name](request, timeout=seconds, metadata=self.metadata())

        began = self._loop.time()
        try:
            reply = await self.ask(attempt, within, repeat=repeat, sent_within=sent_within)
        except EtcdError as error:
            if self.timings is not None:
                self.timings.errors.labels(name, type(error).__name__).inc()
            raise
        finally:
            if self.timings is not None:
                times = self._times.get(name)
                if times is None:
                    times = self._times[name] = self.timings.call.labels(name)
                times.observe(self._loop.time() - began)
        cluster = reply.header.cluster_id
        if cluster != self.cluster:
            self.cluster = self.cluster or cluster
            if cluster and cluster != self.cluster:
                raise WrongCluster(f"cluster {cluster:x} answers, not {self.cluster:x}")
        return reply

    async def ask(
        self,
        attempt: Callable[[EtcdEndpoint, float], Awaitable[T]],
        within: float | None,
        *,
        repeat: bool = False,
        only: EtcdEndpoint | None = None,
        stale: type[Denied] = StaleToken,
        sent_within: float | None = None,
    ) -> T:
        """Try it on a connected member. A try that was refused for its token is repeated with a new
        one; a try that failed otherwise only with `repeat`, on the next member. None is begun after
        `sent_within` seconds."""
        deadline = self._loop.time() + (within or self.timeouts.request)
        latest = deadline if sent_within is None else self._loop.time() + sent_within
        renewed = False
        while True:
            target = only or self.endpoints.best() or await self._connected(deadline)
            token = self._token
            error: EtcdError
            try:
                if token is None:
                    token = await self._login(target, deadline)
                left = deadline - self._loop.time()
                if left <= 0 or self._loop.time() > latest:
                    raise NotDone("no time was left to send it")
                if repeat and len(self.endpoints.all) > 1:
                    left = min(left, self.timeouts.attempt)
                return await attempt(target, left)
            except grpc.aio.AioRpcError as failure:
                error = failed(failure, target)
            except TimeoutError:
                error = Ambiguous(f"{target.address}: no answer in time")
            except grpc.aio.UsageError:
                error = NotDone("the client is closed")
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self._closed or (task is not None and task.cancelling()):
                    raise
                error = Ambiguous("the client was closed")
            except EtcdError as failure:
                error = failure
            if isinstance(error, stale) and self._user and not renewed:
                renewed = True
                if self._token == token:
                    self._token = None
                continue
            if not isinstance(error, Away):
                raise error
            self.endpoints.failed(target)
            if not repeat:
                raise error
            if self._closed or self._loop.time() + _PAUSE >= deadline:
                raise NotDone(str(error)) from error
            await asyncio.sleep(_PAUSE)

    async def _connected(self, deadline: float) -> EtcdEndpoint:
        if self._closed:
            raise NotDone("the client is closed")
        until = min(deadline, self._loop.time() + self.timeouts.connect)
        target = await self.endpoints.wait(until)
        if target is None:
            raise NotDone(f"none of {', '.join(self.endpoints.addresses)} can be reached")
        return target

    def metadata(self, *, hasleader: bool = True) -> grpc.aio.Metadata:
        """`hasleader`: a member that has lost its leader is to say so at once, and to end watches."""
        metadata = self._metadata.get((hasleader, self._token))
        if metadata is None:
            metadata = grpc.aio.Metadata()
            if hasleader:
                metadata.add("hasleader", "true")
            if self._token:
                metadata.add("token", self._token)
            # Those of a token that is no longer used are not kept.
            self._metadata = {kept: pairs for kept, pairs in self._metadata.items() if kept[1] == self._token}
            self._metadata[hasleader, self._token] = metadata
        return metadata

    async def _login(self, target: EtcdEndpoint, deadline: float) -> str:
        """A token for the user; one request for all who wait."""
        async with self._login_lock:
            if self._token is None:
                request = MESSAGES["AuthenticateRequest"](name=self._user, password=self._password)
                left = max(0.0, deadline - self._loop.time())
                error: EtcdError | None = None
                try:
                    reply = await target.calls["Authenticate"](request, timeout=left)
                    self._token = reply.token
                except grpc.aio.AioRpcError as failure:
                    error = failed(failure, target)
                    if "authentication is not enabled" in str(error):
                        self._token, error = "", None
                if error is not None:
                    raise NotDone(str(error)) if isinstance(error, Away) else error
            return self._token or ""

    async def close(self) -> None:
        self._closed = True
        await self.endpoints.close()
