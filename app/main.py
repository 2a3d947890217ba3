"""Builds the application: settings -> store -> registry -> routers."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app import __version__, keyring, maintenance, openapi
from app.errors import StartError
from app.events.chronicle import Chronicle
from app.events.claim_queue import ClaimQueue
from app.events.fanout import Channels
from app.events.hub import Hub
from app.events.key_watch import KeyWatch
from app.events.seen_times import SeenTimes
from app.events.stream import Pace
from app.http.access import Access
from app.http.admission import Admission
from app.http.body import Bodies
from app.http.bounds import Bounds
from app.http.capacity import Capacity
from app.http.clients import ClientLimits, Clients
from app.http.context import Context, the_context
from app.http.cors import Cors
from app.http.endpoint import Plan
from app.http.front import Front
from app.http.hosts import Hosts, is_loopback
from app.http.metrics import Metrics, the_metrics
from app.http.metrics import router as metrics_router
from app.http.refusals import Refusals
from app.http.resolving import Resolver
from app.http.routes import Routes
from app.keyring import Keyring
from app.models import keys
from app.models.instance import Status
from app.registry import idempotency, tickets
from app.registry.app_secrets import key_ids_in_use, unknown_key_ids
from app.registry.object_limits import ObjectLimits
from app.registry.overdue import Limit, claimed_without_start, kept_when_final
from app.registry.readable import index
from app.routers import (
    app_secrets,
    apps,
    commits,
    dashboard,
    diff,
    discovery,
    documents,
    envsets,
    events,
    export,
    imports,
    instances,
    life,
    members,
    operations,
    plans,
    problems,
    proctypes,
    reverts,
    revisions,
    revs,
    runners,
    scale,
    services,
    sessions,
    tokens,
)
from app.routers.documents import ServedDocument, the_document
from app.settings import Settings
from app.store.contract import Fences, Store
from app.store.etcd.access import EtcdAccess
from app.store.open import open_store

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.001
"""How long a thread that reads the archive may keep the event loop waiting for its turn, and a busy event
loop the thread that writes the store's file, after each call into it."""

THRESHOLDS = (5_000, 2, 5_000)
"""For the garbage collector. What the history holds is given back without it, but is what it would look
through: 0.2 s with 170,000 objects, every few thousand commits. `upkeep` has it do so once an hour. New
objects are looked through 15,000 at a time: 50,000 took 47 ms of one turn of the event loop."""

ROUTERS = (
    apps.router,
    app_secrets.router,
    envsets.router,
    revisions.router,
    proctypes.router,
    scale.router,
    instances.router,
    life.router,
    services.router,
    runners.router,
    members.router,
    discovery.router,
    tokens.router,
    sessions.router,
    plans.router,
    reverts.router,
    events.router,
    revs.router,
    diff.router,
    commits.router,
    export.router,
    imports.router,
    operations.router,
    problems.router,
    dashboard.router,
    documents.router,
    metrics_router,
)


def is_pending(store: Store, ticket: str) -> bool:
    """Whether the ticket is one that a host may claim, as far as is known here."""
    record = store.stale().get(ticket)
    return record is not None and keys.pending() in record.terms


def limits_of(settings: Settings) -> list[Limit]:
    """How long instances may stay in a status, where that is set."""
    limits = []
    if settings.final_kept:
        limits.append(kept_when_final(timedelta(seconds=settings.final_kept)))
    if settings.claim_timeout:
        limits.append(claimed_without_start(timedelta(seconds=settings.claim_timeout)))
    return limits


def limits_of_client(settings: Settings) -> ClientLimits:
    """What one client may have: as it is set, or a tenth of what all may, and at least one."""
    return ClientLimits(
        connections=_or_a_tenth(settings.client_connections, settings.max_connections, 1),
        requests=_or_a_tenth(settings.client_requests, settings.max_requests, 1),
        subscribers=_or_a_tenth(settings.client_subscribers, settings.max_subscribers, 1),
        writes=settings.client_writes,
    )


def _or_a_tenth(setting: int | None, whole: int, least: int = 0) -> int:
    return max(least, whole // 10) if setting is None else setting


def build_context(settings: Settings, store: Store | None = None) -> Context:
    """The parts of a service, wired but not started. `store` instead of the one that is set."""
    if store is None:
        store = open_store(
            settings.store,
            index,
            history=settings.history,
            history_bytes=settings.history_bytes,
            memory_revs=settings.memory_revs,
            memory_bytes=settings.memory_bytes,
            commit_timeout=settings.commit_timeout,
            fences=Fences(keys.fence, keys.fence_of),
            access=EtcdAccess(
                settings.etcd_user,
                settings.etcd_password,
                settings.etcd_ca,
                settings.etcd_cert,
                settings.etcd_key,
            ),
        )
    hub, key_watch = Hub(store), KeyWatch()
    claim_queue = ClaimQueue(lambda ticket: is_pending(store, ticket))
    hub.listen(claim_queue.listen)
    hub.listen(key_watch.listen)
    local = is_loopback(settings.host) and not settings.insecure
    access = Access(store, settings.admin_sha256, local=local)
    hub.listen(access.listen)
    channels, chronicle = Channels(store, hub), Chronicle(store)
    return Context(
        store=store,
        hub=hub,
        channels=channels,
        claim_queue=claim_queue,
        key_watch=key_watch,
        chronicle=chronicle,
        seen_times=SeenTimes(store, chronicle, channels.turns),
        durable=settings.store != "memory:",
        capacity=Capacity(
            max_requests=settings.max_requests,
            max_writes=settings.max_writes,
            max_subscribers=settings.max_subscribers,
            max_arriving=settings.max_arriving,
            kept_for_claims=_or_a_tenth(settings.kept_for_claims, settings.max_subscribers),
        ),
        pace=Pace(
            keep_alive=settings.keep_alive, bookmark=settings.bookmark, max_age=settings.stream_max_age
        ),
        # A caller that waits for a name holds the permit of a write: most of those are for others.
        resolver=Resolver(max(1, settings.max_writes // 4), settings.nameservers),
        bounds=Bounds(settings.max_query, settings.max_filters, settings.max_page, settings.max_answer),
        access=access,
        keyring=keyring.load(settings.keyring_file),
        object_limits=ObjectLimits(settings.max_objects),
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


@dataclass(frozen=True, slots=True)
class WiredService:
    """A service, wired but not started. `front` is its ASGI application, `api` declares and documents it, and
    the server sets `stop` when it is told to end, before it waits for its connections."""

    context: Context
    api: FastAPI
    front: Front
    admission: Admission
    refusals: Refusals
    stop: asyncio.Event

    def begin_draining(self) -> None:
        """Have `/readyz` say that the service is about to end."""
        self.context.draining = True


def create_app(settings: Settings, store: Store | None = None) -> WiredService:
    """The application. Its lifespan opens and closes the store. Raises StartError."""
    context = build_context(settings, store)
    hosts, cors = (
        Hosts(settings.host, settings.allowed_hosts),
        Cors(settings.cors_origins, tls=settings.tls_cert is not None),
    )
    stop, metrics, limits = asyncio.Event(), Metrics(), limits_of(settings)
    clients = Clients(limits_of_client(settings))
    admission = Admission(context.capacity, patience=settings.place_timeout, clients=clients)
    _add_figures(metrics, context, admission)
    api, plans = declared()
    provided = {
        the_context: context,
        the_metrics: metrics,
        the_document: ServedDocument(api.openapi, settings.root_path),
    }
    front = Front(
        Routes(plans, provided, context.bounds, context.channels.turns),
        admission=admission,
        bodies=Bodies(
            admission,
            max_body=settings.max_body,
            max_streamed=settings.max_import,
            timeout=settings.body_timeout,
        ),
        metrics=metrics,
        hosts=hosts,
        cors=cors,
        access=context.access,
        rev=lambda: context.store.rev,
        lifespan=lambda: running(context, limits, metrics, stop),
        root_path=settings.root_path,
    )
    return WiredService(context, api, front, admission, Refusals(hosts, cors, metrics), stop)


def _add_figures(metrics: Metrics, context: Context, admission: Admission) -> None:
    """Show what the parts of the service say of themselves."""
    store, figures = context.store, metrics.figures
    measures = context.hub.measures
    metrics.add((*store.timings.collectors, *measures.collectors, admission.clients.refusals.count))
    figures.constant("visor_build_info", "The version of Visor.", version=__version__)
    figures.store(store.statistics)
    figures.gauge(
        "visor_subscribers", "Event streams and waiting calls.", lambda: context.capacity.subscribers
    )
    figures.gauge("visor_streams", "Event streams that are open.", lambda: measures.streams)
    figures.gauge(
        "visor_waiting_calls",
        "Calls that wait for a ticket, a status or an event.",
        lambda: context.capacity.subscribers - measures.streams,
    )
    figures.gauge(
        "visor_http_requests_waiting",
        "Requests that wait to be worked on.",
        lambda: admission.waiting,
    )
    figures.gauge(
        "visor_idempotency_records",
        "Requests with an Idempotency-Key that are remembered.",
        lambda: store.stale().count(keys.IDEMPOTENCY),
        "livemax",
    )
    figures.gauge(
        "visor_idempotency_bytes",
        "Bytes that they take, rounded up to powers of two.",
        lambda: idempotency.used_bytes(store.stale()),
        "livemax",
    )
    figures.labelled(
        "visor_keys_in_use",
        "Secrets by the key that they are sealed with; unknown: the keyring does not have it.",
        "kid",
        lambda: keys_in_use(context),
    )
    figures.instances(
        tuple(Status),
        lambda status: store.stale().count(keys.instances_in(status)),
        lambda: tickets.oldest_pending(store.stale()),
    )


def keys_in_use(context: Context) -> dict[str, int]:
    """How many secrets are sealed with each key."""
    snapshot = context.store.stale()
    used = key_ids_in_use(snapshot, context.keyring.key_ids)
    unknown = snapshot.count(keys.SECRETS) - sum(used.values())
    return {**used, "unknown": unknown} if unknown else used


@cache
def declared() -> tuple[FastAPI, list[Plan]]:
    """All routes, documented, and how each is answered: the same for every service. None is served by the
    framework: see `app.http.front`."""
    api = FastAPI(title="Visor", version=__version__, openapi_url=None)
    openapi.install(api)
    plans = []
    for router in ROUTERS:
        # As the application's own. `include_router` would keep the router, and wrap its routes later.
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.operation_id = route.name
                plans.append(Plan(route, (the_context, the_metrics, the_document)))
            api.router.routes.append(route)
    return api, plans


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
