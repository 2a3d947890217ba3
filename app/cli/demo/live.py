"""What goes on in the demo after its day: hosts that claim, people who change, a host that dies."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.cli.demo.cast import BOT, PEOPLE, WHY_FAILED
from app.cli.demo.platform import DemoPlatform
from visor_client import ClientError, Event, Instance, SnapshotItem
from visor_client.decoding import read

T = TypeVar("T")

_TTL = 15
"""Seconds: a host that says nothing for so long is dead."""

_FILTERS = 90
"""Apps that a stream is filtered by: a request takes 100 values of filters."""


async def live_on(platform: DemoPlatform, speed: float, say: Callable[[str], None]) -> None:
    """Until it is cancelled. At `speed` 20 a minute of theirs takes three seconds."""
    minute = 60 / speed
    async with asyncio.TaskGroup() as tasks:
        for app in platform.apps:
            tasks.create_task(_claim(platform, app.name, minute))
        for host in platform.hosts:
            tasks.create_task(_breathe(platform, host))
        tasks.create_task(_end_what_was_told(platform))
        tasks.create_task(_look_after(platform))
        tasks.create_task(_people(platform, minute))
        tasks.create_task(_mishaps(platform, minute))
        tasks.create_task(_death(platform, minute, say))


async def _claim(platform: DemoPlatform, app: str, minute: float) -> None:
    """Hosts wait for tickets of an app; the one that has least to do is first."""
    while True:
        host = platform.next_host()
        claimed = await _tried(platform.visor(host).claim_next(host, app=app, wait=20))
        await asyncio.sleep(minute / 20)
        if claimed is not None:
            await _tried(platform.start(claimed))


async def _breathe(platform: DemoPlatform, host: str) -> None:
    while True:
        if host in platform.alive:
            await _tried(platform.announce(None, host, _TTL))
        await asyncio.sleep(_TTL / 3)


async def _end_what_was_told(platform: DemoPlatform) -> None:
    """Processes that are told to stop end a little later."""
    apps = {app.name for app in platform.apps}
    filters = sorted(apps) if len(apps) <= _FILTERS else []
    async with platform.visor(BOT).events(snapshot=True, type="instance-stop", app=filters) as stream:
        async for message in stream:
            if not isinstance(message, Event | SnapshotItem) or message.object.get("app") not in apps:
                continue
            if isinstance(message, Event) or (
                isinstance(message, SnapshotItem)
                and message.kind == "instance"
                and message.object["status"] == "stopping"
            ):
                instance = read(Instance, message.object)
                if instance.host in platform.alive:
                    await _tried(platform.exit(instance.id))


async def _look_after(platform: DemoPlatform) -> None:
    """A host that is dead loses its instances, and the bot starts them elsewhere."""
    bot = platform.visor(BOT)
    async with bot.events(type="member-unregister") as stream:
        async for message in stream:
            if not isinstance(message, Event) or message.object["addr"] not in platform.hosts:
                continue
            missing = set()
            for instance in platform.on(message.object["addr"]):
                platform.forget(instance.id)
                missing.add((instance.app, instance.proctype))
                await _tried(bot.lose_instance(instance.id, BOT, f"host {instance.host} is silent"))
            for app, proctype in sorted(missing):
                await _tried(platform.mend(None, app, proctype))


async def _people(platform: DemoPlatform, minute: float) -> None:
    random = platform.random
    while True:
        await asyncio.sleep(minute * random.uniform(0.5, 1.5))
        app, who = random.choice(platform.apps), random.choice(PEOPLE)
        if random.random() < 0.3:
            await _tried(platform.deploy(None, app, who))
        else:
            await _tried(platform.change(None, app, who))


async def _mishaps(platform: DemoPlatform, minute: float) -> None:
    random = platform.random
    while True:
        await asyncio.sleep(minute * random.uniform(1, 4))
        running = platform.running(random.choice(platform.apps).name)
        if not running:
            continue
        instance = random.choice(running)
        if random.random() < 0.5:
            host = platform.visor(instance.host or "")
            await _tried(host.restart_instance(instance.id, random.choice(("fail", "oom"))))
        else:
            await _tried(platform.fail(instance, random.choice(WHY_FAILED)))
            await asyncio.sleep(minute / 2)
            await _tried(platform.mend(None, instance.app, instance.proctype))


async def _death(platform: DemoPlatform, minute: float, say: Callable[[str], None]) -> None:
    """The last host dies, and comes back."""
    host = platform.hosts[-1]
    while len(platform.hosts) > 1:
        await asyncio.sleep(10 * minute)
        platform.alive.discard(host)
        say(f"host {host} has died: its instances are started elsewhere in {_TTL} s")
        await asyncio.sleep(10 * minute + 2 * _TTL)
        platform.alive.add(host)
        say(f"host {host} is back")


async def _tried(deed: Awaitable[T]) -> T | None:
    """What came of it. On a platform others may have been faster, or the service be away for a while: that is
    no reason to end."""
    try:
        return await deed
    except ClientError:
        return None
