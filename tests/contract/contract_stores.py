"""The stores that the contract suite runs against, by kind."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from contract_words import index
from shifted_store import Numbering, ShiftedStore

from app.store.contract import Fences, Store
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.store import EtcdStore
from app.store.sqlite.log import SqliteLog
from app.store.sqlite.versions import RECENT_COMMITS
from tests.etcd.cluster import Cluster

DURABLE = ("sqlite", "sqlite-small-window")
"""Those that keep what they have in a file."""

EMBEDDED = ("memory", *DURABLE)
"""Those of one process: concurrent writes become one group, in the order in which they came, and the
`history` setting is kept to at every commit. What etcd does instead, tests/etcd says."""

SHARED = ("etcd", "etcd-small-window")

KINDS = (*EMBEDDED, *SHARED)


@dataclass
class Place:
    """Where a store is kept: a file, or keys below a prefix of an etcd, whose revs have numbers."""

    path: Path
    etcd: str | None = None
    numbering: Numbering = field(default_factory=Numbering)


def place_of(kind: str, path: Path, request: pytest.FixtureRequest) -> Place:
    """A place of this kind where nothing is yet, named after a path that nobody else has."""
    if kind not in SHARED:
        return Place(path / "store.db")
    cluster: Cluster = request.getfixturevalue("contract_etcd")
    return Place(path, cluster.endpoints[0])


PATIENCE = 60.0
"""Seconds for a commit of an embedded store: these tests are not about slow disks, and on a machine that runs
other tests beside them the disk may take longer for a large commit than the setting allows."""


def build(kind: str, place: Place, *, history: int = 1000, **more: Any) -> EmbeddedStore | ShiftedStore:
    """A store that is not open. With the small window nearly all reads are served by the archive, of what is
    sorted in by key and of what is not yet."""
    small = kind.endswith("small-window")
    window = 2 if small else history
    if kind in SHARED:
        endpoint, prefix = place.etcd, f"{place.path}/".lstrip("/")
        store = EtcdStore(
            lambda: EtcdClient([endpoint]),
            prefix,
            index,
            Fences("fence/{}".format, lambda key: None),
            history=history,
            memory_revs=window,
            **more,
        )
        return ShiftedStore(store, place.numbering)
    recent = 7 if small else RECENT_COMMITS
    log = NoLog() if kind == "memory" else SqliteLog(place.path, recent=recent)
    more = {"commit_timeout": PATIENCE, **more}
    return EmbeddedStore(log, index, history=history, memory_revs=window, **more)


@dataclass
class Maker:
    """Opens stores of one kind in one place, and closes what a test leaves open."""

    kind: str
    place: Place
    opened: list[Store] = field(default_factory=list)

    @property
    def durable(self) -> bool:
        return self.kind != "memory"

    async def __call__(
        self,
        *,
        history: int = 1000,
        history_bytes: int | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> EmbeddedStore | ShiftedStore:
        if self.kind in SHARED and self.place.numbering.base is None:
            await begin(self.kind, self.place)
        store = build(
            self.kind,
            self.place,
            history=history,
            history_bytes=history_bytes,
            **({"clock": clock} if clock else {}),
        )
        await store.open()
        self.opened.append(store)
        return store

    async def close(self) -> None:
        for store in self.opened:
            await store.close()


async def begin(kind: str, place: Place) -> None:
    """Let a new registry on etcd come to be: what its making writes is before rev 0."""
    store = build(kind, place)
    await store.open()
    await store.close()
