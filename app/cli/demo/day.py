"""The day that the demo's platform has had when it is first looked at."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from app.cli.demo.cast import PEOPLE, WHY_FAILED, DemoApp
from app.cli.demo.platform import DemoPlatform

_HOURS = 23
"""How long ago it began."""

_DEPLOYS, _CHANGES, _FAILURES, _RESTARTS = 1.0, 2.5, 0.6, 0.4
"""For each app, on the average."""

Deed = Callable[[datetime], Awaitable[None]]


def start_of(now: datetime) -> datetime:
    """When the day began: long enough before its trouble."""
    begin = min(now - timedelta(hours=_HOURS), trouble_of(now) - timedelta(hours=2))
    return begin.replace(minute=0, second=0, microsecond=0)


def trouble_of(now: datetime) -> datetime:
    """The last 18:04 that is over by half an hour, in the zone of `now`."""
    moment = now.replace(hour=18, minute=4, second=0, microsecond=0)
    return moment if now - moment > timedelta(minutes=30) else moment - timedelta(days=1)


async def live_through(platform: DemoPlatform, now: datetime, say: Callable[[float], None]) -> None:
    """A day's commits, in the order of their times. `say` is told how much of it is over."""
    deeds = _deeds(platform, now)
    for n, (moment, _, deed) in enumerate(deeds):
        await deed(moment)
        say((n + 1) / len(deeds))


def _deeds(platform: DemoPlatform, now: datetime) -> list[tuple[datetime, int, Deed]]:
    random, begin = platform.random, start_of(now)
    deeds: list[tuple[datetime, int, Deed]] = []

    def plan(moment: datetime, deed: Deed) -> None:
        deeds.append((moment, len(deeds), deed))

    for n, host in enumerate(platform.hosts):
        plan(begin + timedelta(seconds=n), partial(platform.announce, host=host))
    for n, app in enumerate(platform.apps):
        plan(begin + timedelta(minutes=1 + 3 * n), partial(platform.begin_app, app=app))
    settled = begin + timedelta(minutes=10 + 3 * len(platform.apps))
    until = now - timedelta(minutes=15)
    trouble = trouble_of(now)

    def later() -> datetime:
        while True:
            moment = settled + (until - settled) * random.random()
            # The bad quarter of an hour has the stage for itself.
            if abs(moment - trouble) > timedelta(minutes=20):
                return moment

    def often(average: float, deed: Callable[[datetime, DemoApp], Awaitable[None]]) -> None:
        for _ in range(round(average * len(platform.apps))):
            app = random.choice(platform.apps)
            plan(later(), partial(_to, app, deed))

    often(_DEPLOYS, lambda moment, app: platform.deploy(moment, app, random.choice(PEOPLE)))
    often(_CHANGES, lambda moment, app: platform.change(moment, app, random.choice(PEOPLE)))
    often(_FAILURES, lambda moment, app: _failure(platform, moment, app))
    often(_RESTARTS, lambda moment, app: _restart(platform, moment, app))
    plan(trouble, lambda moment: _trouble(platform, moment, platform.apps[0]))
    plan(now - timedelta(minutes=12), lambda moment: _failure(platform, moment, platform.apps[-1]))
    return sorted(deeds)


async def _to(app: DemoApp, deed: Callable[[datetime, DemoApp], Awaitable[None]], moment: datetime) -> None:
    await deed(moment, app)


async def _failure(platform: DemoPlatform, moment: datetime, app: DemoApp) -> None:
    running = platform.running(app.name)
    if running:
        instance = platform.random.choice(running)
        platform.at(moment)
        await platform.fail(instance, platform.random.choice(WHY_FAILED))
        await platform.mend(moment, app.name, instance.proctype)


async def _restart(platform: DemoPlatform, moment: datetime, app: DemoApp) -> None:
    running = platform.running(app.name)
    if running:
        instance = platform.random.choice(running)
        platform.at(moment)
        await platform.visor(instance.host or "").restart_instance(instance.id, "oom")


async def _trouble(platform: DemoPlatform, moment: datetime, app: DemoApp) -> None:
    """Ben makes it worse, and Anna takes it back."""
    ben, anna = platform.visor("ben"), platform.visor("anna")
    platform.at(moment, -1)
    before = (await anna.get_app(app.name)).env
    platform.at(moment)
    worse = {"CACHE_TTL": "0", "DB_POOL": "500", "LOG_LEVEL": "debug"}
    await ben.patch_env(app.name, worse, reason="make the checkout faster")
    web = platform.running(app.name, "web")
    for n, instance in enumerate(web):
        platform.at(moment, 60 + 20 * n)
        await platform.visor(instance.host or "").restart_instance(instance.id, "oom")
    for n, instance in enumerate(web[:2]):
        platform.at(moment, 180 + 20 * n)
        await platform.fail(instance, "out of memory: 500 connections")
    platform.at(moment, 300)
    back = {key: before.get(key) for key in worse}
    await anna.patch_env(app.name, back, reason="back to 18:03: the pool ate the memory")
    await platform.mend(moment, app.name, "web", 320)
