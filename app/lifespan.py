"""The life of a service, from opening its store to closing it, and the checks before it serves."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app import keyring, maintenance
from app.errors import StartError
from app.events.hub import Hub
from app.http.context import Context
from app.http.hosts import is_loopback
from app.http.metrics import Metrics
from app.keyring import Keyring
from app.registry.app_secrets import unknown_key_ids
from app.registry.overdue import Limit
from app.settings import Settings
from app.store.contract import Store

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.001
"""How long a thread that reads the archive may keep the event loop waiting for its turn, and a busy event
loop the thread that writes the store's file, after each call into it."""

THRESHOLDS = (5_000, 2, 5_000)
"""For the garbage collector. What the history holds is given back without it, but is what it would look
through: 0.2 s with 170,000 objects, every few thousand commits. `upkeep` has it do so once an hour. New
objects are looked through 15,000 at a time: 50,000 took 47 ms of one turn of the event loop."""


async def open_checked(context: Context) -> None:
    """Open the store. Raises StartError; also where a secret is kept that cannot be opened."""
    await context.store.open()
    _check_keys(context.store, context.keyring)


def _check_keys(store: Store, ring: Keyring) -> None:
    missing = unknown_key_ids(store.stale(), ring.key_ids)
    if missing:
        raise StartError(
            "keyring_file: secrets of the store are sealed with keys that are not there:"
            f" {', '.join(sorted(missing))}. Start with the keyring that has them"
        )


def check_stance(settings: Settings, context: Context) -> None:
    """Raises StartError where whoever reaches the service would be an admin, and that is more than this
    machine. The store is open."""
    if is_loopback(settings.host) or settings.insecure or context.access.closed(context.store.stale()):
        return
    raise StartError(
        f"VISOR_HOST (--host) is {settings.host}: whoever reaches it would be an admin. Make a token first, "
        "`visor token create --role admin --name root --store ..`, or set VISOR_ADMIN_TOKEN_SHA256; "
        "VISOR_INSECURE=1 (--insecure) serves without"
    )


def reload_keyring(context: Context, file: str | None) -> None:
    """Read the keyring again. Raises StartError where it cannot be read, or lacks a key in use: then the one
    before stays."""
    read = keyring.load(file)
    _check_keys(context.store, read)
    context.keyring.take(read)
    logger.info("the keyring is read again: its keys are %s", ", ".join(read.key_ids))


@asynccontextmanager
async def running(
    context: Context, limits: Sequence[Limit], metrics: Metrics, stop: asyncio.Event
) -> AsyncIterator[None]:
    """The service from the opening of its store to the closing."""
    # Nothing that is loaded is garbage: to look for some while it is loaded costs a fifth of the start.
    gc.disable()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        await open_checked(context)
    finally:
        gc.enable()
    context.hub.start()
    context.channels.start()
    context.chronicle.start()
    tasks = [
        asyncio.create_task(maintenance.run(context.store), name="visor-upkeep"),
        *(
            asyncio.create_task(maintenance.enforce(context.store, limit), name="visor-limit")
            for limit in limits
        ),
        asyncio.create_task(maintenance.write_uses(context.access.write_uses), name="visor-tokens"),
        asyncio.create_task(context.access.watch(), name="visor-access"),
        asyncio.create_task(_stop_when(stop, context.hub), name="visor-stop"),
        asyncio.create_task(metrics.keep_fresh(), name="visor-metrics"),
    ]
    # What was loaded stays: looking through it at each collection is most of a collection's time.
    gc.collect()
    gc.freeze()
    thresholds = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await context.hub.close()
        await context.channels.close()
        await context.chronicle.close()
        await context.resolver.close()
        await context.store.close()


async def _stop_when(stop: asyncio.Event, hub: Hub) -> None:
    await stop.wait()
    hub.stop()
