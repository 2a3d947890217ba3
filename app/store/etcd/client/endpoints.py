"""Connections to the members of one cluster: which of them to ask next.

One channel an endpoint. The one in use stays in use until it fails; a failed one is passed over for a
while, in favour of any that is connected. gRPC itself repeats nothing here: a call that goes out on a
connected channel goes out once.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from app.store.etcd.client.messages import MESSAGES, STREAMS, UNARY

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.enable_retries", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # After an outage the first success comes within about a second of the return.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 1000),  # the time one attempt to connect may take
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # etcd allows a ping every 5 s, and none without a call (--grpc-keepalive-min-time).
    ("grpc.keepalive_time_ms", 6000),
    ("grpc.keepalive_timeout_ms", 2000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    # etcd limits what it takes; what it sends is as large as what was asked for.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)

PASSED_OVER = 1.0
"""Seconds for which an endpoint that has failed is not the first choice."""


def address_of(endpoint: str) -> str:
    """`host:port` of an endpoint that may be written as a URL."""
    return endpoint.removeprefix("https://").removeprefix("http://").rstrip("/")


def credentials(ca: str | None, cert: str | None, key: str | None) -> Any:
    """TLS, with the system's roots where no CA is given, and a client certificate where one is."""
    return grpc.ssl_channel_credentials(
        Path(ca).read_bytes() if ca else None,
        Path(key).read_bytes() if key else None,
        Path(cert).read_bytes() if cert else None,
    )


class EtcdEndpoint:
    """One member's address, its channel and its calls."""

    def __init__(self, address: str, tls: Any, changed: Callable[[], None]) -> None:
        self.address = address
        self.failed_at = float("-inf")
        self._changed = changed
        if tls is None:
            self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(address, tls, options=OPTIONS)
        self.calls: dict[str, Any] = {}
        for table, make in ((UNARY, self._channel.unary_unary), (STREAMS, self._channel.stream_stream)):
            for name, (path, request, response) in table.items():
                self.calls[name] = make(
                    path, MESSAGES[request].SerializeToString, MESSAGES[response].FromString
                )
        self._follower = asyncio.get_running_loop().create_task(self._follow())

    @property
    def connected(self) -> bool:
        return bool(self._channel.get_state() is grpc.ChannelConnectivity.READY)

    async def _follow(self) -> None:
        """Keep the channel connected, and say when its state has changed."""
        while True:
            state = self._channel.get_state(try_to_connect=True)
            self._changed()
            if state is grpc.ChannelConnectivity.SHUTDOWN:
                return
            await self._channel.wait_for_state_change(state)

    async def close(self) -> None:
        """Wait for gRPC's last word on the channel: one that comes after the loop has ended is an
        error in the log of whichever loop is next."""
        await self._channel.close()
        await asyncio.wait([self._follower], timeout=1)
        self._follower.cancel()
        with contextlib.suppress(asyncio.CancelledError, grpc.aio.UsageError):
            await self._follower


class Endpoints:
    """All endpoints of the cluster."""

    def __init__(self, addresses: Sequence[str], tls: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._change: asyncio.Future[None] = self._loop.create_future()
        self.all = [EtcdEndpoint(address, tls, self._changed) for address in dict.fromkeys(addresses)]
        self._current = self.all[0]

    def _changed(self) -> None:
        if not self._change.done():
            self._change.set_result(None)
        self._change = self._loop.create_future()

    def best(self) -> EtcdEndpoint | None:
        """The connected endpoint to ask: the one in use, unless it has just failed and another is
        there. None where none is connected."""
        now = self._loop.time()
        current = self._current
        if current.failed_at + PASSED_OVER <= now and current.connected:
            return current
        start = self.all.index(current)
        connected = [endpoint for endpoint in self.all[start:] + self.all[:start] if endpoint.connected]
        if not connected:
            return None
        self._current = min(
            connected,
            key=lambda endpoint: endpoint.failed_at if endpoint.failed_at + PASSED_OVER > now else 0.0,
        )
        return self._current

    async def wait(self, until: float) -> EtcdEndpoint | None:
        """As `best`, but wait for one to be connected, up to the loop's time `until`."""
        while (best := self.best()) is None:
            left = until - self._loop.time()
            if left <= 0:
                return None
            await asyncio.wait([self._change], timeout=left)
        return best

    def failed(self, endpoint: EtcdEndpoint) -> None:
        """Pass this one over for a while."""
        endpoint.failed_at = self._loop.time()

    @property
    def addresses(self) -> list[str]:
        return [endpoint.address for endpoint in self.all]

    def named(self, address: str) -> EtcdEndpoint | None:
        return next((endpoint for endpoint in self.all if endpoint.address == address_of(address)), None)

    async def close(self) -> None:
        for endpoint in self.all:
            await endpoint.close()
