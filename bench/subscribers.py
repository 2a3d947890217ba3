"""The load of an event stream: many subscribers that read, and some clients that write.

A process of its own (`python -m bench.subscribers`), as `bench.load` is. One loop reads all of them, in the
order in which the kernel says that there is something.
"""

import gc
import json
import select
import sys
import time
from dataclasses import asdict, dataclass, field

from bench.connection import BUFFER, Connection, Wrong
from bench.load import ask_process, percentile
from bench.processes import cpu_seconds

_SETTLE = 20.0
"""Seconds that what was written has to reach everybody."""

_QUIET = 5.0
"""Seconds without an event after which no more are waited for."""


@dataclass(frozen=True, slots=True)
class Audience:
    """What to do: `count` subscribers send `subscribe` and read; each event has the bytes `mark` once.
    Writer n sends `writes[n]`, one after the other and again from the start: as fast as they are answered,
    or, with a `pace`, so many writes a second together."""

    port: int
    subscribe: bytes
    mark: bytes
    writes: list[list[bytes]]
    pids: list[int]
    count: int
    seconds: float
    warmup: float
    pace: float = 0.0
    each: list[bytes] = field(default_factory=list)
    """Instead of `subscribe`: what the first subscriber sends, what the second does, and so on."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was seen. `missed` of all that was written never came to a subscriber. CPU in seconds,
    latencies, from a write's answer to a subscriber's reading of its event, in milliseconds; `sent_p99` from
    its sending."""

    events: int
    writes: int
    seconds: float
    missed: int
    server_cpu: float
    load_cpu: float
    p50: float
    p99: float
    sent_p99: float

    @property
    def rate(self) -> float:
        """Events delivered a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """The server's CPU for one delivered event, writing it included, in microseconds."""
        return self.server_cpu / max(self.events, 1) * 1e6


def deliver(audience: Audience) -> Delivered:
    """Run it in a process of its own. Raises RuntimeError where an answer was wrong or a stream ended."""
    said = asdict(audience)
    said["subscribe"] = audience.subscribe.decode("latin-1")
    said["mark"] = audience.mark.decode("latin-1")
    said["each"] = [one.decode("latin-1") for one in audience.each]
    said["writes"] = [[one.decode("latin-1") for one in each] for each in audience.writes]
    seconds = audience.warmup + audience.seconds + _SETTLE + audience.count / 100
    return Delivered(**ask_process("bench.subscribers", said, seconds))


@dataclass(slots=True)
class _Subscriber:
    """One that reads. `seen` are its events so far; `tail` is where a mark may have begun."""

    connection: Connection
    seen: int = 0
    tail: bytes = b""


@dataclass(slots=True)
class _Writer:
    connection: Connection
    script: list[bytes]
    at: int = 0
    busy: bool = False

    def write(self) -> None:
        self.connection.send(self.script[self.at % len(self.script)])
        self.at += 1
        self.busy = True


@dataclass(slots=True)
class _Room:
    """Everybody, and what was seen."""

    audience: Audience
    poll: select.epoll = field(default_factory=select.epoll)
    subscribers: dict[int, _Subscriber] = field(default_factory=dict)
    writers: dict[int, _Writer] = field(default_factory=dict)
    buffer: bytearray = field(default_factory=lambda: bytearray(BUFFER))
    events: int = 0
    sent: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    arrivals: list[tuple[int, float]] = field(default_factory=list)

    def open(self) -> None:
        audience = self.audience
        requests = audience.each or [audience.subscribe]
        for number in range(audience.count):
            connection = Connection(audience.port, b"200")
            connection.send(requests[number % len(requests)])
            self.subscribers[connection.socket.fileno()] = _Subscriber(connection)
        for subscriber in self.subscribers.values():
            _await_head(subscriber.connection)
        for script in audience.writes:
            connection = Connection(audience.port, b"20")  # nchan answers 201, or 202 where nobody listens
            self.writers[connection.socket.fileno()] = _Writer(connection, script)
        for fd in (*self.subscribers, *self.writers):
            self.poll.register(fd, select.EPOLLIN)

    def turn(self, write_on: bool, timeout: float) -> None:
        """Read what there is. Writers that are answered write on, if they are to."""
        timed = self.audience.pace > 0
        for fd, _ in self.poll.poll(timeout):
            subscriber = self.subscribers.get(fd)
            if subscriber is not None:
                count = self._read(subscriber)
                if timed and count:
                    now = time.perf_counter()
                    self.arrivals += [(n, now) for n in range(subscriber.seen - count, subscriber.seen)]
                self.events += count
            else:
                writer = self.writers[fd]
                if writer.connection.receive():
                    writer.busy = False
                    self.answered.append(time.perf_counter())
                    if write_on:
                        writer.write()

    def _read(self, subscriber: _Subscriber) -> int:
        """How many events came."""
        buffer, mark = self.buffer, self.audience.mark
        size = subscriber.connection.socket.recv_into(buffer)
        if not size:
            raise Wrong("a stream has ended")
        short = len(mark) - 1
        count = buffer.count(mark, 0, size)
        if subscriber.tail:
            count += (subscriber.tail + buffer[: min(short, size)]).count(mark)
        subscriber.tail = (subscriber.tail + bytes(buffer[max(size - short, 0) : size]))[-short:]
        subscriber.seen += count
        return count

    def settle(self) -> int:
        """Wait until everybody has everything, or nothing comes any more; what is missing in the end."""
        end = time.perf_counter() + _SETTLE
        quiet, events, missing = end, -1, 1
        while missing and (now := time.perf_counter()) < min(end, quiet):
            if self.events != events:
                events, quiet = self.events, now + _QUIET
            self.turn(False, 0.05)
            written = sum(writer.at for writer in self.writers.values())
            missing = sum(written - each.seen for each in self.subscribers.values())
        return missing

    def close(self) -> None:
        for each in self.subscribers.values():
            each.connection.close()
        for writer in self.writers.values():
            writer.connection.close()


def _await_head(connection: Connection) -> None:
    """Until the stream is open, which is when the server has put the subscriber in its list."""
    connection.socket.setblocking(True)
    connection.socket.settimeout(30)
    head = b""
    # The first thing in each stream but etcd's is some word of greeting; etcd says `created`.
    while b"\r\n\r\n" not in head or not head.partition(b"\r\n\r\n")[2]:
        more = connection.socket.recv(1)
        head += more
        if not more:
            raise Wrong(f"a stream did not open: {head[:300]!r}")
    if not head.startswith(b"HTTP/1.1 200"):
        raise Wrong(head[:300].decode(errors="replace"))
    connection.socket.setblocking(False)


def run(audience: Audience) -> Delivered:
    room = _Room(audience)
    room.open()
    gc.collect()
    gc.freeze()
    gc.disable()
    clock = time.perf_counter
    begin = clock() + audience.warmup
    end = begin + audience.seconds
    began, before, own, counted, writes = begin, 0.0, 0.0, 0, 0
    measured = False
    following = clock()
    if not audience.pace:
        for writer in room.writers.values():
            writer.write()
    while (now := clock()) < end:
        if not measured and now >= begin:
            measured, began, counted, writes = True, now, room.events, len(room.answered)
            before, own = cpu_seconds(audience.pids), time.process_time()
        if audience.pace and now >= following:
            following += 1 / audience.pace
            idle = next((one for one in room.writers.values() if not one.busy), None)
            if idle is not None:
                room.sent.append(now)
                idle.write()
        wait = following - now if audience.pace else 0.05
        room.turn(not audience.pace, max(min(wait, end - now), 0.0005))
    seconds = clock() - began
    cpu, load_cpu = cpu_seconds(audience.pids) - before, time.process_time() - own
    events, answers = room.events - counted, len(room.answered) - writes
    missed = room.settle()
    room.close()
    last = len(room.answered)
    # What is there before the answer is not late at all.
    late = sorted(
        max(at - room.answered[n], 0.0) for n, at in room.arrivals if writes <= n < len(room.answered)
    )
    p50, p99 = percentile(late, 0.5) * 1e3, percentile(late, 0.99) * 1e3
    since = sorted(at - room.sent[n] for n, at in room.arrivals if writes <= n < last)
    sent_p99 = percentile(since, 0.99) * 1e3
    return Delivered(events, answers, seconds, missed, cpu, load_cpu, p50, p99, sent_p99)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    asked["subscribe"] = asked["subscribe"].encode("latin-1")
    asked["mark"] = asked["mark"].encode("latin-1")
    asked["each"] = [one.encode("latin-1") for one in asked["each"]]
    asked["writes"] = [[one.encode("latin-1") for one in each] for each in asked["writes"]]
    json.dump(asdict(run(Audience(**asked))), sys.stdout)
