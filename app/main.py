"""Builds the application: settings -> store -> registry -> routers."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from operator import attrgetter

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app import __version__, keyring, openapi
from app.events.chronicle import Chronicle
from app.events.claim_queue import ClaimQueue
from app.events.fanout import Channels
from app.events.hub import Hub
from app.events.key_watch import KeyWatch
from app.events.seen_times import SeenTimes
from app.events.stream import Pace
from app.http import service_figures
from app.http.access import Access
from app.http.admission import Admission
from app.http.body import Bodies
from app.http.bounds import Bounds
from app.http.clients import ClientLimits, Clients
from app.http.context import Context, the_context
from app.http.cors import Cors
from app.http.endpoint import Plan
from app.http.front import Front
from app.http.hosts import Hosts, is_loopback
from app.http.metrics import Metrics, the_metrics
from app.http.metrics import router as metrics_router
from app.http.permits import Capacity
from app.http.refusals import Refusals
from app.http.resolving import Resolver
from app.http.routes import Routes
from app.lifespan import running
from app.models import fences, keys
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


def store_of(settings: Settings) -> Store:
    """The store that is set, not open yet. Raises StartError."""
    return open_store(
        settings.store,
        index,
        history=settings.history,
        history_bytes=settings.history_bytes,
        memory_revs=settings.memory_revs,
        memory_bytes=settings.memory_bytes,
        commit_timeout=settings.commit_timeout,
        fences=Fences(fences.of_term, fences.of_key),
        access=EtcdAccess(
            settings.etcd_user,
            settings.etcd_password,
            settings.etcd_ca,
            settings.etcd_cert,
            settings.etcd_key,
        ),
    )


def build_context(settings: Settings, store: Store | None = None) -> Context:
    """The parts of a service, wired but not started. `store` instead of the one that is set."""
    if store is None:
        store = store_of(settings)
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
    service_figures.add(metrics, context, admission)
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
        rev=partial(attrgetter("rev"), context.store),
        lifespan=lambda: running(context, limits, metrics, stop),
        root_path=settings.root_path,
    )
    return WiredService(context, api, front, admission, Refusals(hosts, cors, metrics), stop)


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
