"""What a store measures of its own work, for the metrics: how long commits and calls to etcd take."""

from collections.abc import Sequence

from prometheus_client import Counter, Histogram
from prometheus_client.registry import Collector

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class CommitTimings:
    """Seconds from a write's arrival at the store to its answer, refusals by the rules included."""

    def __init__(self) -> None:
        self.commit = Histogram(
            "visor_store_commit_seconds",
            "Seconds from a write's arrival at the store to its answer.",
            buckets=_BUCKETS,
            registry=None,
        )

    @property
    def collectors(self) -> Sequence[Collector]:
        return (self.commit,)


class LogTimings(CommitTimings):
    """Of the embedded store, besides: seconds to write and sync one group of commits."""

    def __init__(self) -> None:
        super().__init__()
        self.append = Histogram(
            "visor_store_append_seconds",
            "Seconds to write one group of commits to the disk and sync it (fsync).",
            buckets=_BUCKETS,
            registry=None,
        )

    @property
    def collectors(self) -> Sequence[Collector]:
        return (*super().collectors, self.append)


class EtcdTimings(CommitTimings):
    """Of the store on etcd, besides: each kind of call to etcd, and how calls fail."""

    def __init__(self) -> None:
        super().__init__()
        self.call = Histogram(
            "visor_etcd_call_seconds",
            "Seconds from a call to etcd to its answer or failure, by kind of call.",
            ["call"],
            buckets=_BUCKETS,
            registry=None,
        )
        self.errors = Counter(
            "visor_etcd_errors",
            "Calls to etcd that failed, by kind of call and of failure.",
            ["call", "error"],
            registry=None,
        )

    @property
    def collectors(self) -> Sequence[Collector]:
        return (*super().collectors, self.call, self.errors)
