"""Revisions: proposed, ratified, purged."""

from datetime import datetime

from app.errors import InUse, InvalidState
from app.models import keys
from app.models.app import App
from app.models.instance import SCALED
from app.models.revision import Ratification, Revision, RevisionCreate, RevisionState
from app.registry.scale import forget_targets
from app.registry.state import create, exists, find, need, new, removable, update
from app.registry.usage import active_instance
from app.store.contract import Changes, Snapshot


# + revision/{app},{ref}
def register(snapshot: Snapshot, at: datetime, app: str, body: RevisionCreate) -> Changes:
    """Proposed, or accepted at once where an archive is named. Raises NotFound where there is no such
    app, AlreadyExists."""
    exists(snapshot, keys.app(app), f"app {app}")
    state = RevisionState.PROPOSED if body.archive_url is None else RevisionState.ACCEPTED
    revision = Revision(**new(at), app=app, ref=body.ref, state=state, archive_url=body.archive_url)
    return create(snapshot, keys.revision(app, body.ref), revision, f"a revision {body.ref} of {app}")


# - revision/{app},{ref} (proposed)
# + revision/{app},{ref} (accepted)
def ratify(snapshot: Snapshot, at: datetime, app: str, ref: str, body: Ratification) -> Changes:
    """Raises NotFound, InvalidState where it is accepted already."""
    key = keys.revision(app, ref)
    revision = need(snapshot, key, Revision, f"revision {ref} of app {app}")
    if revision.state is not RevisionState.PROPOSED:
        raise InvalidState(f"Revision {ref} of {app} is {revision.state} already.", state=revision.state)
    return update(key, revision, at, state=RevisionState.ACCEPTED, archive_url=body.archive_url)


# - revision/{app},{ref}
# - scale/{app},*,{ref},*
def purge(snapshot: Snapshot, at: datetime, app: str, ref: str) -> Changes:
    """Raises NotFound, InUse while it is scaled above 0 or the app's head."""
    removable(snapshot, keys.revision(app, ref), f"revision {ref} of app {app}")
    registered = find(snapshot, keys.app(app), App)
    if registered is not None and registered.head == ref:
        raise InUse(f"Revision {ref} is the head of {app}: name another head first.")
    used = active_instance(snapshot, keys.instances_of_revision(app, ref), SCALED)
    if used is not None:
        raise InUse(f"Instance {used.id} is {used.status} at revision {ref}: scale it to 0 first.")
    changes = Changes(deletes={keys.revision(app, ref)})
    forget_targets(snapshot, changes, keys.scales_of_revision(app, ref), f"Revision {ref} of {app}")
    return changes
