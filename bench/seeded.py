"""The same data for Visor and for its peers: a seeded file, and a copy of its latest state in an etcd."""

import shutil
from base64 import b64encode
from contextlib import closing
from pathlib import Path

from app.models import keys
from app.store.sqlite.file import connect_reader
from app.store.sqlite.schema import read_state
from app.store.sqlite.versions import current_at
from bench.peers import etcd
from bench.seeding import seed
from bench.serving import Served, Stage
from bench.turns import Plan

PREFIX = "visor/"
"""Where the copy lies: what `--store etcd://HOST` without a path means."""

_AT_ONCE = 100


def least_revs(apps: int, instances: int) -> int:
    """Revs that surely are enough to register so many."""
    return 200 + 8 * apps + instances // 20


def file_of(plan: Plan, apps: int, instances: int, revs: int = 0) -> Path:
    """The seeded file of this size, made where it is not there yet. Not to be served itself: `a_copy`."""
    revs = max(revs, least_revs(apps, instances))
    path = plan.stores / f"{apps}-{instances}-{revs}.db"
    if not path.exists():
        draft = plan.directory / "draft.db"
        seed(draft, apps=apps, instances=instances, revs=revs)
        for more in ("-wal", "-shm", ".lock"):
            draft.with_name(draft.name + more).unlink(missing_ok=True)
        shutil.move(draft, path)
    return path


def a_copy(stage: Stage, path: Path) -> Path:
    """To be served, and written to."""
    copy = stage.place("visor.db")
    shutil.copyfile(path, copy)
    return copy


def instance_ids(path: Path, count: int) -> list[int]:
    """The first ids of the instances that are live in the file."""
    found = [int(key.removeprefix(keys.INSTANCES)) for key, value in state_of(path) if _is_live(key, value)]
    return found[:count]


def _is_live(key: str, value: bytes) -> bool:
    return key.startswith(keys.INSTANCES) and not keys.is_ended(value)


def state_of(path: Path) -> list[tuple[str, bytes]]:
    """What is current in a seeded file, by key."""
    with closing(connect_reader(path)) as connection:
        records = current_at(connection, lambda key, value: (), read_state(connection).rev)
        return [(record.key, record.value) for record in records if not record.deleted]


def into_etcd(served: Served, path: Path) -> None:
    """Put the file's latest state below PREFIX, as Visor itself keeps it there."""
    puts = [
        {"request_put": {"key": etcd.text(PREFIX + key), "value": b64encode(value).decode()}}
        for key, value in state_of(path)
    ]
    for begin in range(0, len(puts), _AT_ONCE):
        etcd.call(served, "/v3/kv/txn", {"success": puts[begin : begin + _AT_ONCE]})
