"""The figures of a service's parts, for the metrics."""

from app import __version__
from app.http.admission import Admission
from app.http.context import Context
from app.http.metrics import Metrics
from app.models import keys
from app.models.instance import Status
from app.registry import idempotency, tickets
from app.registry.app_secrets import key_ids_in_use


def add(metrics: Metrics, context: Context, admission: Admission) -> None:
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
        lambda: _keys_in_use(context),
    )
    figures.instances(
        tuple(Status),
        lambda status: store.stale().count(keys.instances_in(status)),
        lambda: tickets.oldest_pending(store.stale()),
    )


def _keys_in_use(context: Context) -> dict[str, int]:
    """How many secrets are sealed with each key."""
    snapshot = context.store.stale()
    used = key_ids_in_use(snapshot, context.keyring.key_ids)
    unknown = snapshot.count(keys.SECRETS) - sum(used.values())
    return {**used, "unknown": unknown} if unknown else used
