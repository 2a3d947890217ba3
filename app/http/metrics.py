"""The metrics page: requests and their answers, beside the figures of the store and the registry."""

import asyncio
import os
from bisect import bisect_left
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.http.context import Call
from app.http.declared_responses import problems
from app.http.figures import Figures

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's variable: the folder where workers write down what they count. `Workers` sets it."""

REFRESH_SECONDS = 1.0

OTHER = "other"
"""The label of routes and methods that are not ours: what clients make up must not become series."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Series:
    """What was counted of one route, method and status since it was last published: prometheus_client's own
    counting, with its locks, costs as much as finding the route."""

    __slots__ = ("_answers", "_buckets", "_histogram", "_requests", "_seconds")

    def __init__(self, requests: Counter, histogram: Histogram) -> None:
        self._requests = requests
        self._histogram = histogram
        self._clear()

    def _clear(self) -> None:
        self._answers = 0
        self._seconds = 0.0
        self._buckets = [0] * (len(_BUCKETS) + 1)

    def count(self, seconds: float | None) -> None:
        """One more answer; `seconds` None where its time is not to be told."""
        self._answers += 1
        if seconds is not None:
            self._seconds += seconds
            self._buckets[bisect_left(_BUCKETS, seconds)] += 1

    def publish(self) -> None:
        """Have prometheus_client show it. A histogram has no public way to add many at once."""
        if not self._answers:
            return
        self._requests.inc(self._answers)
        self._histogram._sum.inc(self._seconds)
        for bucket, more in zip(self._histogram._buckets, self._buckets, strict=True):
            if more:
                bucket.inc(more)
        self._clear()


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
        self._series: dict[tuple[str, str, int], _Series] = {}
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
        counted = self._series.get(series)
        if counted is None:
            counted = self._series[series] = _Series(
                self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
            )
        counted.count(seconds)
        if self.shared:
            # The page may be another worker's.
            counted.publish()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page and its content type, in the format that the Accept header asks for."""
        self.figures.refresh()
        for series in self._series.values():
            series.publish()
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type


def the_metrics() -> Metrics:
    """Declares that a handler takes the metrics. Never called: the front hands over those it was given."""
    raise NotImplementedError


router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
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
async def get_metrics(call: Call, metrics: Annotated[Metrics, Depends(the_metrics)]) -> Response:
    """Figures in the Prometheus text format, or in OpenMetrics where `Accept` asks for it."""
    page, content_type = metrics.render(call.fields.get(b"accept", b"").decode("latin-1"))
    return Response(page, headers={"Content-Type": content_type})
