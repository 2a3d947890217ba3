"""Proctypes: registered with a port, changed, unregistered."""

from datetime import datetime

from pydantic import MISSING

from app.errors import InUse
from app.models import keys
from app.models.proctype import Limits, Proctype, ProctypeCreate, ProctypePatch
from app.registry import ports
from app.registry.state import create, exists, need, new, removable, update
from app.registry.usage import active_instance
from app.store.contract import Changes, Snapshot


# + proctype/{app},{name}
# - counter/port = n
# + counter/port = n + 1
def register(snapshot: Snapshot, at: datetime, app: str, body: ProctypeCreate) -> Changes:
    """Raises NotFound where there is no such app, AlreadyExists, Conflict where no port is free."""
    exists(snapshot, keys.app(app), f"app {app}")
    limits = Limits(memory_limit_mb=body.limits.memory_limit_mb)
    proctype = Proctype(**new(at), app=app, name=body.name, port=ports.FIRST, limits=limits)
    key, what = keys.proctype(app, body.name), f"a proctype {body.name} of {app}"
    create(snapshot, key, proctype, what)  # refuse before a port is looked for
    claimed = Changes()
    port = ports.claim(snapshot, claimed)
    changes = create(snapshot, key, proctype.model_copy(update={"port": port}), what)
    changes.puts.update(claimed.puts)
    return changes


# - proctype/{app},{name} (old limits)
# + proctype/{app},{name} (new limits)
def patch(snapshot: Snapshot, at: datetime, app: str, name: str, body: ProctypePatch) -> Changes:
    """Raises NotFound."""
    key = keys.proctype(app, name)
    proctype = need(snapshot, key, Proctype, f"proctype {name} of app {app}")
    limits = proctype.limits
    if body.limits is None:
        limits = Limits(memory_limit_mb=None)
    elif body.limits is not MISSING and body.limits.memory_limit_mb is not MISSING:
        limits = Limits(memory_limit_mb=body.limits.memory_limit_mb)
    return update(key, proctype, at, limits=limits)


# - proctype/{app},{name}
# - scale/{app},{name},*
def unregister(snapshot: Snapshot, at: datetime, app: str, name: str) -> Changes:
    """Raises NotFound, InUse while it has instances that are not final. The port goes with it: it is
    claimed by being in the proctype, so no port can be claimed by nobody."""
    removable(snapshot, keys.proctype(app, name), f"proctype {name} of app {app}")
    used = active_instance(snapshot, keys.instances_of_proctype(app, name))
    if used is not None:
        raise InUse(f"Instance {used.id} of {app} {name} is {used.status}: scale it to 0 and let it end.")
    return Changes(deletes={keys.proctype(app, name)}, prefixes={keys.scales_of_proctype(app, name)})
