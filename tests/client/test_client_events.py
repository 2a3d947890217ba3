"""The stream of events comes through everything that ends a connection, exactly."""

import asyncio
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import visor_client
from tests.cli.running import started
from tests.client.lossy_proxy import LossyProxy, refusal
from tests.serving import serving
from visor_client import AsyncVisor, Event, SnapshotBegin, SnapshotEnd, SnapshotItem, Visor


def take(stream: visor_client.EventStream, count: int) -> list[visor_client.Message]:
    return [next(stream) for _ in range(count)]


def test_it_goes_on_where_it_was_after_every_cut() -> None:
    with serving() as service, Visor(service.url) as direct:
        proxy = LossyProxy(service.port)
        with Visor(proxy.url) as visor, visor.events(since=0) as stream:
            for n in range(5):
                for m in range(3):
                    direct.register_service(f"s{n}-{m}")
                names = [event.object["name"] for event in take(stream, 3) if isinstance(event, Event)]
                assert names == [f"s{n}-{m}" for m in range(3)]
                proxy.refusals = [
                    refusal("504 Gateway Timeout"),
                    refusal("429 Too Many Requests", "Retry-After: 0"),
                    refusal("200 OK"),  # a page of its own
                ][:n]
                proxy.cut()
            assert stream.position == "15-0"
        proxy.close()


def test_it_goes_on_after_an_end_in_good_order() -> None:
    with serving(stream_max_age=0.05) as service, Visor(service.url) as visor:
        with visor.events() as stream:
            seen = []
            for n in range(20):
                visor.register_service(f"s{n}")
                message = next(stream)
                assert isinstance(message, Event)
                seen.append(message.service)
        assert seen == [f"s{n}" for n in range(20)]


def test_a_stream_begun_again_at_its_position_goes_on_inside_a_rev() -> None:
    with serving() as service, Visor(service.url) as visor:
        service.runnable()
        visor.set_scale("cat", "web", "128af9", 3)
        with visor.events(0, type=["instance-register"]) as stream:
            first = next(stream)
        assert isinstance(first, Event)
        assert stream.position == f"{first.rev}-{first.index}"
        with visor.events(stream.position, type="instance-register", app="cat", instance=[2, 3]) as rest:
            assert [event.instance for event in take(rest, 2) if isinstance(event, Event)] == [2, 3]


def test_where_its_place_is_gone_it_goes_on_with_a_snapshot() -> None:
    with serving(history=3) as service, Visor(service.url) as visor:
        for n in range(6):
            visor.register_service(f"s{n}")
        with visor.events(since=1) as stream:
            assert next(stream) == SnapshotBegin()
            items = take(stream, 6)
            assert [item.object["name"] for item in items if isinstance(item, SnapshotItem)] == [
                f"s{n}" for n in range(6)
            ]
            end = next(stream)
            assert isinstance(end, SnapshotEnd)
            assert end.rev == 6
            visor.register_service("after")
            after = next(stream)
            assert isinstance(after, Event)
            assert after.service == "after"


def test_a_start_in_the_future_or_a_bad_filter_is_refused() -> None:
    with serving() as service, Visor(service.url) as visor:
        with pytest.raises(visor_client.RevInFuture):
            next(visor.events(since=99))
        with pytest.raises(visor_client.InvalidRequest):
            next(visor.events(type="nothere"))


def test_a_service_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with Visor(url, retry_for=0.5) as visor:
        for events in (visor.events(), visor.events(since=3), visor.events(snapshot=True, since=1)):
            with pytest.raises(visor_client.Unreachable):
                next(events)


class Process:
    """`visor serve` on a port that it keeps, to be killed and started again."""

    def __init__(self, store: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._store = store
        self.start()

    def start(self) -> None:
        self._process = started(
            "serve", "--store", self._store, "--port", str(self.port), stderr=subprocess.PIPE
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if re.search(rb"listens at", line):
                return
        raise AssertionError("it did not start")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def process(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Process]:
    process = Process(request.param.format(tmp_path))
    yield process
    process.kill()


@pytest.mark.parametrize("process", ["sqlite:///{}/visor.db"], indirect=True)
def test_a_service_killed_and_back_is_followed_exactly(process: Process) -> None:
    """While a writer goes on through it, whose POSTs are all done, and done once."""
    names = [f"s{n}" for n in range(60)]
    done = threading.Event()

    def write() -> None:
        with Visor(process.url, retry_for=60) as visor:
            for name in names:
                visor.register_service(name)
        done.set()

    async def follow() -> list[str]:
        seen = []
        async with AsyncVisor(process.url, retry_for=60) as visor, visor.events(since=0) as stream:
            async for message in stream:
                assert isinstance(message, Event)
                seen.append(message.object["name"])
                if len(seen) in (10, 30):
                    process.kill()
                    process.start()
                if len(seen) == len(names):
                    return seen
        return seen

    writer = threading.Thread(target=write)
    writer.start()
    assert asyncio.run(follow()) == names
    writer.join()
    assert done.is_set()


@pytest.mark.parametrize("process", ["memory:"], indirect=True)
def test_another_registry_in_its_place_is_taken_for_one(process: Process) -> None:
    """A store in memory is empty after a restart: its revs begin anew, and a snapshot says what is there."""
    with Visor(process.url, retry_for=60) as visor:
        for name in "abc":
            visor.register_service(name)
        with visor.events(since=2) as stream:
            assert isinstance(next(stream), Event)
            process.kill()
            process.start()
            visor.register_service("new")
            assert next(stream) == SnapshotBegin()
            item = next(stream)
            assert isinstance(item, SnapshotItem)
            assert item.service == "new"
            assert isinstance(next(stream), SnapshotEnd)


def test_nothing_is_left_open_by_a_stream_that_is_left() -> None:
    with serving() as service:
        with Visor(service.url) as visor, visor.events(snapshot=True) as stream:
            next(stream)
            next(stream)
        with suppress(StopIteration):
            next(stream)
            raise AssertionError("it is closed")
