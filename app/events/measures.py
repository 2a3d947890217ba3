"""The metrics of the event layer."""

from collections.abc import Sequence
from datetime import UTC, datetime

from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class EventMeasures:
    """`streams` is how many event streams are open now."""

    def __init__(self) -> None:
        self.streams = 0
        self.gone = Counter(
            "visor_streams_gone",
            "Event streams that ended with `gone`: their reader's place had left the history.",
            registry=None,
        )
        self.lag = Histogram(
            "visor_event_lag_seconds",
            "Seconds from a commit's time to its events being ready here, one commit of each batch. On etcd"
            " the clocks of two replicas are compared.",
            buckets=_BUCKETS,
            registry=None,
        )

    def ready(self, at: datetime) -> None:
        """The events of a commit of this time are ready for the subscribers."""
        self.lag.observe(max(0.0, (datetime.now(UTC) - at).total_seconds()))

    @property
    def collectors(self) -> Sequence[Collector]:
        return self.gone, self.lag
