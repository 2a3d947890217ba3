"""The etcd v3 client: one event loop, a deadline on every call, and no transaction is ever sent twice.

Reads are repeated on another member until their deadline; nothing else is. How a call ends says what
may be done next: see `errors.py`. The modules beside it are its parts.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Self

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from app.store.etcd.client.calls import Calls, Timeouts, failed
from app.store.etcd.client.endpoints import Endpoints, EtcdEndpoint, address_of, credentials
from app.store.etcd.client.errors import (
    Denied,
    EtcdError,
    LeaseNotFound,
    NotDone,
    RevisionWentBack,
)
from app.store.etcd.client.messages import MESSAGES
from app.store.etcd.client.requests import (
    Compare,
    Get,
    Op,
    RangeResult,
    Txn,
    TxnResult,
    range_request,
    range_result,
    txn_request,
    txn_result,
)
from app.store.etcd.client.status import Lease, MemberStatus, status_of
from app.store.etcd.client.watch import Watch, ended
from app.store.timings import EtcdTimings

_PAGE_BYTES = 4 * 1024 * 1024
_FIRST_PAGE = 256
_LAST_PAGE = 8192


class EtcdClient:
    """Make it inside the running loop, `close()` it there. Endpoints are `host:port` or URLs; `https`,
    or any of `ca`, `cert`, `key` (files), means TLS."""

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        user: str = "",
        password: str = "",
        ca: str | None = None,
        cert: str | None = None,
        key: str | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        tls = any((ca, cert, key)) or any(endpoint.startswith("https://") for endpoint in endpoints)
        members = Endpoints(
            [address_of(endpoint) for endpoint in endpoints], credentials(ca, cert, key) if tls else None
        )
        self._calls = Calls(members, user, password, self.timeouts)
        self._watches: set[Watch] = set()

    def measure(self, timings: EtcdTimings) -> None:
        """Count and time each call from now on."""
        self._calls.timings = timings

    # Keys

    async def range(
        self,
        key: bytes,
        range_end: bytes = b"",
        *,
        revision: int = 0,
        limit: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
        within: float | None = None,
    ) -> RangeResult:
        """One linearizable read. Raises Away, Compacted, FutureRevision."""
        get = Get(key, range_end, revision, limit, keys_only, count_only)
        return range_result(await self._calls.unary("Range", range_request(get), within, repeat=True))

    async def pages(
        self, key: bytes, range_end: bytes, *, revision: int = 0, keys_only: bool = False
    ) -> AsyncIterator[RangeResult]:
        """All of a range in pages of some megabytes, all at one revision: the first page's."""
        limit = _FIRST_PAGE
        while True:
            page = await self.range(key, range_end, revision=revision, limit=limit, keys_only=keys_only)
            revision = revision or page.revision
            yield page._replace(revision=revision)
            if not page.more:
                return
            key = page.kvs[-1].key + b"\0"
            size = sum(len(kv.key) + len(kv.value) + 64 for kv in page.kvs) / len(page.kvs)
            limit = max(1, min(int(_PAGE_BYTES / size), limit * 8, _LAST_PAGE))

    async def txn(
        self,
        compares: Sequence[Compare] = (),
        success: Sequence[Op] = (),
        failure: Sequence[Op] = (),
        *,
        within: float | None = None,
        sent_within: float | None = None,
    ) -> TxnResult:
        """One transaction, sent at most once, and not after `sent_within` seconds. Raises NotDone, Ambiguous,
        NoSpace, Refused."""
        request = txn_request(Txn(compares, success, failure))
        return txn_result(await self._calls.unary("Txn", request, within, sent_within=sent_within))

    async def compact(self, revision: int, *, physical: bool = False, within: float | None = None) -> None:
        """Drop the history before `revision`. Raises Compacted where that is done already."""
        request = MESSAGES["CompactionRequest"](revision=revision, physical=physical)
        await self._calls.unary("Compact", request, within)

    # Watch

    async def watch(
        self,
        key: bytes,
        range_end: bytes = b"",
        *,
        start_revision: int = 0,
        prev_kv: bool = False,
        progress_notify: bool = True,
        fragment: bool = True,
        within: float | None = None,
    ) -> Watch:
        """A watch of all from `start_revision` on (0: from now on), confirmed by a member that has a
        leader. Raises Away, Compacted, RevisionWentBack, Denied; the watch itself ends with these or
        with WatchLost."""
        create = MESSAGES["WatchRequest"](
            create={
                "key": key,
                "range_end": range_end,
                "start_revision": start_revision,
                "prev_kv": prev_kv,
                "progress_notify": progress_notify,
                "fragment": fragment,
            }
        )

        async def attempt(
            target: EtcdEndpoint, seconds: float
        ) -> tuple[EtcdEndpoint, MemberStatus, Any, Any]:
            async with asyncio.timeout(seconds):
                status = await self._alive(target, seconds)
                call = target.calls["Watch"](metadata=self._calls.metadata())
                try:
                    await call.write(create)
                    first = await call.read()
                    if first is grpc.aio.EOF:
                        raise NotDone("the member ended the watch at once")
                    if first.canceled:
                        raise ended(first)
                except BaseException:
                    call.cancel()
                    del call  # an exception's frames would keep it, and it the channel
                    raise
                return target, status, call, first

        target, status, call, first = await self._calls.ask(attempt, within, repeat=True, stale=Denied)
        watch = Watch(
            call,
            first,
            start_revision=start_revision,
            trusted=status.progress_trusted,
            idle=self.timeouts.idle,
            alive=lambda: self._still_alive(target),
            closed=self._watches.discard,
        )
        self._watches.add(watch)
        if first.header.revision < start_revision - 1:
            await self._check_not_behind(watch, key, start_revision - 1)
        return watch

    async def _check_not_behind(self, watch: Watch, key: bytes, revision: int) -> None:
        """The member may lag; the cluster may not."""
        try:
            current = (await self.range(key, keys_only=True)).revision
            if current < revision:
                raise RevisionWentBack(f"etcd is at revision {current}, before {revision}")
        except BaseException:
            await watch.close()
            raise

    async def _alive(self, target: EtcdEndpoint, seconds: float) -> MemberStatus:
        status = await self._status(target, seconds)
        if not status.leader:
            raise NotDone(f"{target.address} has no leader")
        return status

    async def _still_alive(self, target: EtcdEndpoint) -> None:
        error: EtcdError | None = None
        try:
            await self._alive(target, self.timeouts.idle)
        except grpc.aio.AioRpcError as failure:
            error = failed(failure, target)
        if error is not None:
            self._calls.endpoints.failed(target)
            raise error

    # Leases

    async def grant(self, ttl: int, *, within: float | None = None) -> Lease:
        """A new lease; etcd may give more time than asked for."""
        reply = await self._calls.unary("LeaseGrant", MESSAGES["LeaseGrantRequest"](ttl=ttl), within)
        return Lease(reply.id, reply.ttl)

    async def revoke(self, lease_id: int, *, within: float | None = None) -> None:
        """End a lease and delete its keys, in one commit. Raises LeaseNotFound."""
        await self._calls.unary("LeaseRevoke", MESSAGES["LeaseRevokeRequest"](id=lease_id), within)

    async def keep_alive_once(self, lease_id: int, *, within: float | None = None) -> int:
        """Renew a lease: the seconds it has now. Raises LeaseNotFound."""

        async def attempt(target: EtcdEndpoint, seconds: float) -> int:
            call = target.calls["LeaseKeepAlive"](timeout=seconds, metadata=self._calls.metadata())
            try:
                await call.write(MESSAGES["LeaseKeepAliveRequest"](id=lease_id))
                reply = await call.read()
                if reply is grpc.aio.EOF:
                    raise NotDone("the member ended the renewal")
                return int(reply.ttl)
            finally:
                call.cancel()
                del call  # an exception's frames would keep it, and it the channel

        left = await self._calls.ask(attempt, within, repeat=True)
        if left <= 0:
            raise LeaseNotFound(f"there is no lease {lease_id:x}")
        return left

    # The cluster

    @property
    def endpoints(self) -> list[str]:
        return self._calls.endpoints.addresses

    def forget_cluster(self) -> None:
        """After `WrongCluster`: from now on, whichever cluster answers next is the right one."""
        self._calls.cluster = 0

    async def status(self, endpoint: str, *, within: float | None = None) -> MemberStatus:
        """One member's word on itself; answered also without a leader. Raises Away."""
        target = self._calls.endpoints.named(endpoint)
        if target is None:
            raise ValueError(f"{endpoint} is none of {self.endpoints}")

        async def attempt(chosen: EtcdEndpoint, seconds: float) -> MemberStatus:
            return await self._status(chosen, seconds)

        return await self._calls.ask(attempt, within, only=target)

    async def _status(self, target: EtcdEndpoint, seconds: float) -> MemberStatus:
        metadata = self._calls.metadata(hasleader=False)
        reply = await target.calls["Status"](MESSAGES["StatusRequest"](), timeout=seconds, metadata=metadata)
        return status_of(target.address, reply)

    async def close(self) -> None:
        """End every watch and call, and let go of the connections. May be called twice."""
        for watch in list(self._watches):
            await watch.close()
        await self._calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
