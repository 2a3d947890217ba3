"""`visor demo`: what it prints can be typed, its day is the same for the same seed, and it leaves nothing."""

import asyncio
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from app.cli.demo.cast import apps_of, hosts_of
from app.cli.demo.clock import DemoClock
from app.cli.demo.day import live_through, start_of, trouble_of
from app.cli.demo.live import live_on
from app.cli.demo.platform import DemoPlatform
from app.registry.readable import index
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from tests.cli.running import started
from tests.cli.typed import printed, typed
from tests.serving import APP, Service, serving
from visor_client import Event, Visor

SMALL = ("--apps", "2", "--hosts", "3")


@contextmanager
def demo(*flags: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A demo that has said what to try, and what it said."""
    with started("demo", *SMALL, *flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = b""
            while b"Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, process.communicate()
                said += line
            yield process, said.decode()
        finally:
            if process.poll() is None:
                process.kill()


def test_the_five_things_to_try_give_what_it_says_and_ctrl_c_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with demo("--port", "0") as (process, said):
        url = re.search(r"export VISOR_URL=(\S+)", said)
        assert url is not None
        monkeypatch.setenv("VISOR_URL", url[1])
        commands = [match[1] for match in re.finditer(r"^  visor (.*?)   +\S.*\?$", said, re.MULTILINE)]
        assert len(commands) == 5
        status, ps, diff, app, log = map(printed, commands)
        assert re.search(r"needs you  cart \w+ #\d+ failed", status)
        assert "hosts      3" in status
        assert re.search(r"checkout +web +\w+ +running +10\.77\.0\.\d", ps)
        assert re.search(r'env.DB_POOL "\d+" -> "500"   \(rev \d+, .*, ben: make the checkout faster\)', diff)
        assert not re.search(r"DB_POOL=500", app)
        assert re.search(r"ben  update /apps/checkout  \(make .*\n(.*\n)*.*anna  update .*\(back to", log)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_demo_on_a_service_that_exists_touches_its_own_names_alone_and_is_cleaned(
    commands: Service,
) -> None:
    commands.runnable("mine")
    commands.scale(1, app="mine")
    with demo("--url", commands.url) as (process, said):
        assert "--clean" in said
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert printed("apps -o name") == "demo-cart\ndemo-checkout\nmine\n"
    assert printed(f"demo --url {commands.url} --clean") == "removed 2 apps of demos\n"
    assert printed("apps -o name") == "mine\n"
    assert "pending" in printed("ps mine")
    assert printed("member list pms") == ""


def history(now: datetime, seed: int) -> list[tuple[datetime, str, str, object]]:
    """What happened in a small day."""
    clock = DemoClock()
    store = EmbeddedStore(NoLog(), index, history=10_000, memory_revs=10_000, clock=clock)
    service = Service(Settings(store="memory:", log_level="error"), store)
    try:
        random = Random(seed)
        platform = DemoPlatform(service.url, random, apps_of(random, 2, ""), hosts_of(2), clock.set)

        async def live() -> None:
            await live_through(platform, now, lambda part: None)
            await platform.close()

        asyncio.run(live())
        found, place = [], "0"
        with Visor(service.url) as visor:
            while True:
                page, place = visor.list_events(place, limit=1000)
                if not page:
                    return found
                found += [(each.at, each.actor, each.type, _shape(each)) for each in page]
    finally:
        service.stop()


def test_a_platform_of_more_apps_than_a_connection_pool_holds_lives_on() -> None:
    """For each app hosts wait for tickets, each by a call of its own: nobody else has to wait for these."""
    count = 130
    with serving(client_writes=0) as service:
        random = Random(7)
        apps = apps_of(random, count, "")
        platform = DemoPlatform(service.url, random, apps, hosts_of(3), lambda moment: None)

        async def live() -> None:
            living = asyncio.create_task(live_on(platform, 20, lambda news: None))
            try:
                async with asyncio.timeout(90):
                    while _waiting(service) < count:
                        if living.done():
                            living.result()
                        await asyncio.sleep(0.05)
                    await platform.change(None, apps[0], "anna")
            finally:
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
                await platform.close()

        for app in apps:
            service.made("/apps", {**APP, "name": app.name})
        asyncio.run(live())


def _waiting(service: Service) -> float:
    """Streams and calls that wait, at the service."""
    [line] = re.findall(r"^visor_subscribers (\S+)$", service.get("/metrics").text, re.MULTILINE)
    return float(line)


def _shape(event: Event) -> object:
    return {name: value for name, value in event.object.items() if not name.endswith("_at")}


def test_a_day_is_the_same_for_the_same_seed_and_its_times_are_spread_over_it() -> None:
    now = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
    first = history(now, 7)
    assert first == history(now, 7)
    times = [at for at, *_ in first]
    assert times == sorted(times)
    assert times[0] == start_of(now)
    assert now - timedelta(hours=1) < times[-1] <= now
    assert trouble_of(now) == now.replace(hour=18, minute=4)
    [worse] = [at for at, actor, _, told in first if actor == "ben" and "'DB_POOL': '500'" in str(told)]
    assert worse == trouble_of(now)


@pytest.mark.parametrize("flags", ["--clean", "--apps 0", "--speed 0", "--hosts 0"])
def test_a_demo_that_cannot_be_is_refused(flags: str) -> None:
    assert typed(f"demo {flags}").status == 1


def test_the_trouble_is_on_the_day_whatever_time_it_is() -> None:
    for hour in range(24):
        now = datetime(2026, 11, 30, hour, 20, tzinfo=UTC)
        assert start_of(now) + timedelta(hours=1) < trouble_of(now) < now - timedelta(minutes=30)
