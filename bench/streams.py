"""The servers of event streams: how each is subscribed to and written to, with the same events.

The event is Visor's own for a member that says a new version, some 300 bytes; the peers are given what
Visor has sent, so that all deliver the same.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.connection import request
from bench.peers import etcd, nchan, visor
from bench.serving import Served, Stage
from bench.subscribers import Audience, Delivered, deliver
from bench.turns import Plan

EVENTS = request("GET", "/events", None, "Accept: text/event-stream")
"""How Visor's stream is subscribed to."""

MARK = b'"type":"member-update"'
VERSIONS = 50
"""That a member goes through: the same again would be no event."""


@dataclass(frozen=True, slots=True)
class Streams:
    """A server of events. `writes` has for each of many writers what it sends, by turns."""

    served: Served
    subscribe: bytes
    writes: list[list[bytes]]
    mark: bytes = MARK
    each: list[bytes] = field(default_factory=list)
    """How the first subscriber asks, how the second does, and so on; none: all as `subscribe` says."""

    def measure(
        self, plan: Plan, count: int, writers: int, pace: float = 0.0, seconds: float | None = None
    ) -> Callable[[], Delivered]:
        """A measure with so many subscribers and writers."""

        def run() -> Delivered:
            return deliver(
                Audience(
                    self.served.port,
                    self.subscribe,
                    self.mark,
                    self.writes[:writers],
                    self.served.pids,
                    count,
                    plan.seconds if seconds is None else seconds,
                    plan.warmup,
                    pace,
                    self.each,
                )
            )

        return run


def of_visor(served: Served, writers: int) -> Streams:
    def body(writer: int, turn: int) -> bytes:
        return json.dumps({"version": f"1.{writer}.{turn:03d}"}).encode()

    for writer in range(writers):
        visor.call(served, "PUT", f"/members/pms/10.0.0.{writer}", {"version": "0"})
    writes = [
        [request("PUT", f"/members/pms/10.0.0.{writer}", body(writer, turn)) for turn in range(VERSIONS)]
        for writer in range(writers)
    ]
    return Streams(served, EVENTS, writes)


def frame_of(streams: Streams) -> bytes:
    """An event as Visor sends it."""
    address = "127.0.0.1", streams.served.port
    with socket.create_connection(address, 30) as reader, socket.create_connection(address, 30) as writer:
        reader.sendall(streams.subscribe)
        said = b""
        wrote = False
        until = time.monotonic() + 30
        while streams.mark not in said or not said.rstrip(b"\r\n").endswith(b"}}"):
            more = reader.recv(65536)
            if not more or time.monotonic() > until:
                raise RuntimeError(f"Visor sent no event: {said!r}")
            said += more
            if b"retry:" in said and not wrote:
                wrote = True
                writer.sendall(streams.writes[0][-1])
    # Past the first frame, which says where the stream begins.
    begin = said.index(b"id: ", said.index(b"\n\n"))
    return said[begin : said.index(b"\n\n", begin) + 2]


@contextmanager
def connected(streams: Streams, count: int) -> Iterator[None]:
    """So many subscribers whose streams are open, and who read nothing more."""
    opened = []
    try:
        for _ in range(count):
            reader = socket.create_connection(("127.0.0.1", streams.served.port), 30)
            opened.append(reader)
            reader.sendall(streams.subscribe)
        for reader in opened:
            reader.settimeout(30)
            if not reader.recv(65536).startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{streams.served.name} did not open a stream")
        yield
    finally:
        for reader in opened:
            reader.close()


def of_raw(stage: Stage, frame: bytes, writers: int) -> Streams:
    served = stage.start_module("raw ASGI broadcaster", "bench.peers.raw_broadcaster")
    write = request("POST", "/publish", frame)
    return Streams(served, request("GET", "/events"), [[write]] * writers)


def of_naive(stage: Stage, frame: bytes, writers: int) -> Streams:
    served = stage.start_module("naive sse-starlette", "bench.peers.naive_broadcaster")
    write = request("POST", "/publish", data_of(frame))
    return Streams(served, request("GET", "/events"), [[write]] * writers)


def of_nchan(stage: Stage, frame: bytes, writers: int) -> Streams | None:
    """None where it is not installed."""
    served = nchan.start(stage)
    if served is None:
        return None
    write = request("POST", "/publish", data_of(frame), "X-EventSource-Event: member-update")
    subscribe = request("GET", "/events", None, "Accept: text/event-stream")
    return Streams(served, subscribe, [[write]] * writers)


def of_etcd(stage: Stage, frame: bytes, writers: int) -> Streams:
    served = etcd.start(stage)
    write = etcd.put("member", data_of(frame))
    return Streams(served, etcd.watch("member"), [[write]] * writers, b'"mod_revision"')


def data_of(frame: bytes) -> bytes:
    """The JSON of an event."""
    return frame[frame.index(b"data: ") + 6 : -2]
