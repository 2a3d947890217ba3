"""The figures of the store, the events and the registry, for Prometheus.

The figures are read when Prometheus asks (`refresh`). With several workers each of them refreshes every
second too, because prometheus_client then adds up what all of them have written down: workers that do not
get this request must not be missing.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge

logger = logging.getLogger("visor.metrics")

Mode = Literal["livemax", "livemin", "livesum"]
"""How one figure is made of those of all workers."""


class Meaning(NamedTuple):
    """What a figure of the store says. `across` is for several workers."""

    text: str
    across: Mode = "livesum"


STORE = {
    "rev": Meaning("The latest rev held by this process.", "livemax"),
    "oldest_rev": Meaning("The oldest rev that can still be read.", "livemax"),
    "history_revs": Meaning("Revs that can be read now; the setting `history` is their limit.", "livemax"),
    "history_bytes": Meaning("Bytes that they take; the setting `history_bytes` is their limit.", "livemax"),
    "ready": Meaning("1 while the store can serve, else 0.", "livemin"),
    "clock_ahead_seconds": Meaning(
        "Seconds by which the last commit's time is ahead of the clock; meanwhile times stand still.",
        "livemax",
    ),
    "keys": Meaning("Keys in memory, with deleted ones that the history still has.", "livemax"),
    "unreadable": Meaning("Keys whose value another program wrote and that cannot be read.", "livemax"),
    "held_commits": Meaning("Commits in memory; older ones are read from disk or from etcd."),
    "held_bytes": Meaning("Bytes that the commits and the state in memory take."),
    "file_bytes": Meaning("Size of the store's file."),
    "wal_bytes": Meaning("Size of the write-ahead log of the store's file."),
    "compacted_rev": Meaning("The rev up to which the file has been compacted."),
    "archive_connections": Meaning("Idle connections for reading old history from the file."),
    "groups_total": Meaning("Groups of commits written."),
    "commits_total": Meaning("Commits made by this process."),
    "log_groups_total": Meaning("Groups of commits that the file has synced."),
    "archive_reads_total": Meaning("Reads of history that is no longer in memory."),
    "races_total": Meaning("Transactions on etcd that lost a race and were run again."),
    "unknown_outcomes_total": Meaning("Writes that were answered with an unknown outcome."),
    "confirmations_total": Meaning("Requests to etcd that confirm that what is held is the latest."),
}
"""The names of `Store.statistics`. One that ends in `_total` is a counter, any other a gauge; each is
published as `visor_store_<name>`. A test holds this table and the stores together."""

NAMES = {"clock_ahead_seconds": "visor_clock_ahead_seconds"}
"""Those that are published under a name of their own."""


class Figures:
    """Gauges and counters that are set from functions. `registry` None: prometheus_client collects them
    from the files of all workers."""

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._registry = registry
        self._refreshers: list[Callable[[], None]] = []

    def refresh(self) -> None:
        """Read each figure anew. One that cannot be read is logged; the others go on: a store in trouble is
        when they are needed most."""
        for refresh in self._refreshers:
            try:
                refresh()
            except Exception:
                logger.exception("a figure for the metrics cannot be read")

    def gauge(self, name: str, text: str, value: Callable[[], float], across: Mode = "livesum") -> None:
        """Publish what the function gives."""
        gauge = Gauge(name, text, registry=self._registry, multiprocess_mode=across)
        self._refreshers.append(lambda: gauge.set(value()))

    def labelled(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Publish a value for each label that the function gives; one that it no longer gives is 0."""
        gauge = Gauge(name, text, [label], registry=self._registry, multiprocess_mode="livemax")
        shown: set[str] = set()

        def refresh() -> None:
            latest = values()
            shown.update(latest)
            for key in shown:
                gauge.labels(key).set(latest.get(key, 0))

        self._refreshers.append(refresh)

    def constant(self, name: str, text: str, **labels: str) -> None:
        """Publish labels, with the value 1."""
        gauge = Gauge(name, text, list(labels), registry=self._registry, multiprocess_mode="livemax")
        gauge.labels(**labels).set(1)

    def store(self, statistics: Callable[[], Mapping[str, float]]) -> None:
        """Publish the store's statistics, whichever it has by now."""
        gauges: dict[str, Gauge] = {}
        counters: dict[str, tuple[Counter, list[float]]] = {}

        def refresh() -> None:
            figures = dict(statistics())
            if "rev" in figures and "oldest_rev" in figures and "history_revs" not in figures:
                figures["history_revs"] = figures["rev"] - figures["oldest_rev"] + 1
            for name, value in figures.items():
                meaning = STORE.get(name) or Meaning(f"The store's {name}.")
                full = NAMES.get(name) or f"visor_store_{name}"
                if not name.endswith("_total"):
                    if name not in gauges:
                        gauges[name] = Gauge(
                            full, meaning.text, registry=self._registry, multiprocess_mode=meaning.across
                        )
                    gauges[name].set(value)
                    continue
                if name not in counters:
                    counters[name] = Counter(full, meaning.text, registry=self._registry), [0.0]
                counter, last = counters[name]
                # A store that begins anew counts from 0 again; a counter never goes back.
                counter.inc(value - last[0] if value >= last[0] else value)
                last[0] = value

        self._refreshers.append(refresh)

    def instances(
        self,
        statuses: tuple[str, ...],
        count: Callable[[str], int],
        oldest_pending: Callable[[], datetime | None],
    ) -> None:
        """Publish the number of instances in each status, and how long the oldest pending ticket has waited.
        `oldest_pending` gives when that one was registered; None where there is none."""
        gauge = Gauge(
            "visor_instances",
            "Instances by status.",
            ["status"],
            registry=self._registry,
            multiprocess_mode="livemax",
        )

        def refresh() -> None:
            for status in statuses:
                gauge.labels(status).set(count(status))

        def waited() -> float:
            since = oldest_pending()
            return 0.0 if since is None else max(0.0, (datetime.now(UTC) - since).total_seconds())

        self._refreshers.append(refresh)
        self.gauge(
            "visor_oldest_pending_seconds",
            "Seconds since the oldest pending ticket was registered; 0 where none is pending.",
            waited,
            "livemax",
        )
