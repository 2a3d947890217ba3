"""A real etcd by its own HTTP/JSON gateway, one member, its data synced to the same disk."""

from base64 import b64encode
from typing import Any

from bench.connection import request
from bench.peers.visor import fetch
from bench.processes import SERVER, on
from bench.serving import Served, Stage
from tests.etcd.cluster import Cluster, version


def start(stage: Stage, cpus: frozenset[int] = SERVER) -> Served:
    """One member. `tests.etcd.cluster` runs it without fsync, for tests: here it syncs."""
    directory = stage.place("etcd")
    directory.mkdir()
    cluster = Cluster(directory, args=["--unsafe-no-fsync=false", "--quota-backend-bytes", str(8 * 2**30)])
    stage.at_end(cluster.stop)
    with on(cpus):
        cluster.start()
    (member,) = cluster.members
    assert member.process is not None
    return Served(f"etcd {'.'.join(map(str, version()))} gateway", member.port, member.process.pid)


def text(value: str | bytes) -> str:
    """As the gateway takes keys and values."""
    return b64encode(value.encode() if isinstance(value, str) else value).decode()


def _post(path: str, body: str) -> bytes:
    return request("POST", path, body.encode())


def get(key: str) -> bytes:
    """The request that reads one key."""
    return _post("/v3/kv/range", f'{{"key":"{text(key)}"}}')


def get_prefix(prefix: str, limit: int, rev: int | None = None) -> bytes:
    """The request that reads the first keys below a prefix, now or at a rev."""
    last = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    at = "" if rev is None else f',"revision":"{rev}"'
    return _post(
        "/v3/kv/range", f'{{"key":"{text(prefix)}","range_end":"{text(last)}","limit":"{limit}"{at}}}'
    )


def put(key: str, value: str | bytes) -> bytes:
    """The request that puts one key."""
    return _post("/v3/kv/put", f'{{"key":"{text(key)}","value":"{text(value)}"}}')


def watch(key: str) -> bytes:
    """The request that opens a stream of what is put to a key."""
    return _post("/v3/watch", f'{{"create_request":{{"key":"{text(key)}"}}}}')


def call(served: Served, path: str, body: Any) -> bytes:
    """One call outside of what is measured."""
    return fetch(served.port, "POST", path, body)
