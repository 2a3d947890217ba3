"""The metrics page: requests and their answers, beside the figures of the store and the registry."""

import asyncio
import os
import re
import time
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.declared_responses import problems
from app.http.figures import Figures
from app.http.given import SLOT
from app.http.json_body import StrictRoute

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's variable: the folder where workers write down what they count. `Workers` sets it."""

REFRESH_SECONDS = 1.0

OTHER = "other"
"""The label of routes and methods that are not ours: what clients make up must not become series."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One application's metrics: what is counted of requests, and `figures` of everything else.

    Where several workers share a port (`MULTIPROCESS` is set), a page is the sum of what all of them have
    written down; else it is a registry of this application alone.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.shared = MULTIPROCESS in os.environ
        own = None if self.shared else self.registry
        self.requests = Counter(
            "visor_http_requests",
            "Requests answered, by route template.",
            ["method", "route", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "visor_http_request_seconds",
            "Seconds from a request to the end of its answer; no streams and no waiting calls.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=own,
        )
        self.figures = Figures(own)
        # Looking a series up by its labels costs more than counting; there are few (templates, not paths).
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        if self.shared:
            MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]
        else:
            ProcessCollector(registry=self.registry)

    def add(self, collectors: Iterable[Collector]) -> None:
        """Show what others measure. Workers' measures are shown by themselves."""
        if not self.shared:
            for collector in collectors:
                self.registry.register(collector)

    async def keep_fresh(self) -> None:
        """Write the figures down every second, for the pages of the other workers; for ever."""
        while self.shared:
            self.figures.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    def record(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count a request that was answered; `seconds` None where its time is not to be told."""
        series = (method, route, status)
        found = self._series.get(series)
        if found is None:
            found = self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
            self._series[series] = found
        found[0].inc()
        if seconds is not None:
            found[1].observe(seconds)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page and its content type, in the format that the Accept header asks for."""
        self.figures.refresh()
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type


class RouteTemplates:
    """Which route template a request was answered by: `/apps/{app}`, prefixes of included routers
    and all, or `other`.

    The framework leaves the route in the scope as it was declared, without the prefixes it was
    included under; so the endpoint is looked up among the application's routes, and only one that
    is there under several paths is told by the path.
    """

    def __init__(self, routes: Iterable[Any]) -> None:
        self._by_endpoint: dict[Any, list[tuple[re.Pattern[str], str]]] = {}
        for route in iter_route_contexts(list(routes)):
            pattern = getattr(route, "path_regex", None)
            if route.endpoint is not None and pattern is not None and route.path_format:
                self._by_endpoint.setdefault(route.endpoint, []).append((pattern, route.path_format))

    def of(self, scope: Scope) -> str:
        """The template, from the scope as the application has left it."""
        found = self._by_endpoint.get(scope.get("endpoint"), [])
        if len(found) == 1:
            return found[0][1]
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return next((template for pattern, template in found if pattern.match(path)), OTHER)


class MetricsMiddleware:
    """Pure ASGI middleware that counts and times requests. Put it outside `Head`, so that a HEAD
    counts as one, and outside `Limits`, so that refusals count."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self._templates: RouteTemplates | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        began = time.perf_counter()
        status: int | None = None
        streams = False

        async def watched(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                streams = any(
                    name == b"content-type" and value.startswith(b"text/event-stream")
                    for name, value in message.get("headers", ())
                )
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            status = status or 500
            raise
        finally:
            if status is not None:
                streams = streams or getattr(scope["state"].get(SLOT), "waited", False)
                self._record(scope, status, None if streams else time.perf_counter() - began)

    def _record(self, scope: Scope, status: int, seconds: float | None) -> None:
        if self._templates is None:
            # Now, because routers may be included after the middleware is made.
            self._templates = RouteTemplates(scope["app"].routes)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        self.metrics.record(method, self._templates.of(scope), status, seconds)


def metrics_router(metrics: Metrics) -> APIRouter:
    """The router of `GET /metrics`."""
    router = APIRouter(tags=["operations"], route_class=StrictRoute)

    @router.get(
        "/metrics",
        name="read_metrics",
        summary="Read the metrics",
        response_class=Response,
        responses={
            200: {
                "description": "The figures as they are now.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **problems(400, 422, 500),
        },
    )
    async def read_metrics(request: Request) -> Response:
        """Figures in the Prometheus text format, or in OpenMetrics where `Accept` asks for it."""
        page, content_type = metrics.render(request.headers.get("accept", ""))
        return Response(page, headers={"Content-Type": content_type})

    return router
