"""Env sets: registered once, never changed."""

from datetime import datetime

from app.errors import InUse
from app.models import keys
from app.models.envset import EnvSet, EnvSetCreate
from app.registry.scale import forget_targets
from app.registry.state import create, exists, new, removable
from app.registry.usage import active_instance
from app.store.contract import Changes, Snapshot


# + envset/{app},{ref}
def register(snapshot: Snapshot, at: datetime, app: str, body: EnvSetCreate) -> Changes:
    """Raises NotFound where there is no such app, AlreadyExists."""
    exists(snapshot, keys.app(app), f"app {app}")
    envset = EnvSet(**new(at), app=app, ref=body.ref, vars=body.vars)
    return create(snapshot, keys.envset(app, body.ref), envset, f"an env set {body.ref} of {app}")


# - envset/{app},{ref}
# - scale/{app},*,*,{ref}
def unregister(snapshot: Snapshot, at: datetime, app: str, ref: str) -> Changes:
    """Raises NotFound, InUse while an instance that is not final uses it."""
    removable(snapshot, keys.envset(app, ref), f"env set {ref} of app {app}")
    used = active_instance(snapshot, keys.instances_of_envset(app, ref))
    if used is not None:
        raise InUse(f"Instance {used.id} is {used.status} with env set {ref}: scale it to 0 first.")
    changes = Changes(deletes={keys.envset(app, ref)})
    forget_targets(snapshot, changes, keys.scales_of_envset(app, ref), f"Env set {ref} of {app}")
    return changes
