"""What other hands may put into the store, and how: past the registry, and on etcd past the service."""

import json
from collections.abc import Iterator
from typing import Any

from app.store.contract import Changes
from app.store.etcd.client.requests import Delete, Put
from app.store.records import Origin
from tests.serving import Service

KEYS = {
    "app": "app/cat",
    "revision": "revision/cat,128af9",
    "envset": "envset/cat,128af9",
    "proctype": "proctype/cat,web",
    "instance": "instance/0000000000000000001",
    "service": "service/memcached",
    "endpoint": "endpoint/memcached,10-0-0-7-11211",
    "runner": "runner/10.0.0.7:9000",
    "member": "member/pms,10.0.0.7",
}
"""A key of each kind, as the session that fills a registry makes it."""

COUNTERS = ("counter/instance", "counter/port", "counter/return")

STRANGE = (
    *("spaceship/apollo", "nothing", "app/", "app/a b", "app/..", "instance/1", "instance/text"),
    *("revision/x", "member/", "idempotency/x", "idempotency/"),
)
"""Keys that no call can name."""

NO_JSON = (
    *(b"{not json", b"", b"no", b"{", b"\xff\xfe", b"\0"),
    *(b"[" * 20_000, b"{" * 1000, b'{"name":"\\ud800"}'),
)
NO_OBJECT = (b"null", b"[]", b"7", b"1e999", b'"x"', b"{}", b"true")


def misfits(value: bytes) -> Iterator[bytes]:
    """JSON that is nearly what was there."""
    said: dict[str, Any] = json.loads(value)
    yield value[:-1]
    yield b" " + value
    yield value + value
    yield json.dumps({**said, "extra": 1}).encode()
    yield json.dumps({**said, "rev": 5}).encode()
    for name, was in said.items():
        if name not in (
            "claim_rev",
            "lost_by",
            "secrets",
        ):  # what an earlier version, or the commit itself, leaves out
            yield json.dumps({k: v for k, v in said.items() if k != name}).encode()
        yield json.dumps({**said, name: {"a": was}}).encode()
        if name in ("name", "ref", "app", "service", "kind"):
            yield json.dumps({**said, name: was + "!\n"}).encode()


def write(visor: Service, puts: dict[str, bytes], deletes: frozenset[str] = frozenset()) -> None:
    """Put and delete this, by another hand than the registry's."""
    store = visor.context.store
    if visor.coordinator == "etcd":
        visor.inside(_by_etcd(store, puts, deletes))
        return
    changes = Changes(puts={key: value or b"null" for key, value in puts.items()}, deletes=set(deletes))
    visor.inside(store.transact(lambda snapshot, at: changes, Origin("somebody", "by another hand")))


async def _by_etcd(store: Any, puts: dict[str, bytes], deletes: frozenset[str]) -> None:
    def full(key: str) -> bytes:
        return f"{store._prefix}{key}".encode()

    operations = [
        *(Put(full(key), value) for key, value in puts.items()),
        *(Delete(full(key)) for key in deletes),
    ]
    result = await store._client.txn([], operations)
    await store._follower.reach(result.revision)


def value_of(visor: Service, key: str) -> bytes:
    """What is kept now."""
    value: bytes = visor.context.store.stale().get(key).value
    return value
