"""Runners: which process on which host runs which instance."""

from datetime import datetime

from app.errors import InvalidRequest
from app.models import keys
from app.models.hosts import canonical_host_port, split_host_port
from app.models.runner import Runner, RunnerCreate
from app.registry.state import create, new, removable, spelled
from app.store.contract import Changes, Snapshot


# + runner/{addr}
def register(snapshot: Snapshot, at: datetime, body: RunnerCreate) -> Changes:
    """The instance need not be registered: a runner is registered by the host as it finds it. Raises
    AlreadyExists."""
    parts = split_host_port(body.addr)
    assert parts is not None, "the model has checked the form of addr"
    runner = Runner(**new(at), addr=body.addr, host=parts[0], instance_id=body.instance_id)
    return create(snapshot, keys.runner(body.addr), runner, f"a runner {body.addr}")


def key_of(snapshot: Snapshot, addr: str) -> str:
    """Where the runner is. Raises InvalidRequest."""
    key = spelled(snapshot, keys.runner, canonical_host_port(addr), addr)
    if key is None:
        raise InvalidRequest.of(["path", "addr"], "should be host:port, or [address]:port for IPv6")
    return key


# - runner/{addr}
def unregister(snapshot: Snapshot, at: datetime, addr: str) -> Changes:
    """Raises NotFound, InvalidRequest."""
    key = key_of(snapshot, addr)
    removable(snapshot, key, f"runner {addr}")
    return Changes(deletes={key})
