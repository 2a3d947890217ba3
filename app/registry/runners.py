"""Runners: which process on which host runs which instance."""

from datetime import datetime

from app.models import keys
from app.models.hosts import split_host_port
from app.models.runner import Runner, RunnerCreate
from app.registry.state import create, new, removable
from app.store.contract import Changes, Snapshot


# + runner/{addr}
def register(snapshot: Snapshot, at: datetime, body: RunnerCreate) -> Changes:
    """The instance need not be registered: a runner is registered by the host as it finds it. Raises
    AlreadyExists."""
    parts = split_host_port(body.addr)
    assert parts is not None, "the model has checked the form of addr"
    runner = Runner(**new(at), addr=body.addr, host=parts[0], instance_id=body.instance_id)
    return create(snapshot, keys.runner(body.addr), runner, f"a runner {body.addr}")


# - runner/{addr}
def unregister(snapshot: Snapshot, at: datetime, addr: str) -> Changes:
    """Raises NotFound."""
    removable(snapshot, keys.runner(addr), f"runner {addr}")
    return Changes(deletes={keys.runner(addr)})
