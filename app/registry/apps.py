"""Apps: registered with their first variables, changed, and unregistered with everything in them."""

from datetime import datetime
from typing import Any

from pydantic import MISSING

from app.errors import InUse, InvalidRequest
from app.models import keys
from app.models.app import DEFAULT_DEPLOY_TYPE, App, AppCreate, AppPatch
from app.registry.state import create, need, new, removable, update
from app.registry.usage import active_instance
from app.store.contract import Changes, Snapshot


# + app/{name}
def register(snapshot: Snapshot, at: datetime, body: AppCreate) -> Changes:
    """Raises AlreadyExists."""
    app = App(**new(at), head=None, secrets={}, **body.model_dump())
    return create(snapshot, keys.app(body.name), app, f"an app {body.name}")


# - app/{name} (old)
# + app/{name} (new)
def patch(snapshot: Snapshot, at: datetime, name: str, body: AppPatch) -> Changes:
    """Raises NotFound, InvalidRequest where the head is no registered revision."""
    app = need(snapshot, keys.app(name), App, f"app {name}")
    fields: dict[str, Any] = body.model_dump()
    if fields.get("deploy_type", "") is None:
        fields["deploy_type"] = DEFAULT_DEPLOY_TYPE
    if (
        body.head is not MISSING
        and body.head is not None
        and snapshot.get(keys.revision(name, body.head)) is None
    ):
        raise InvalidRequest.of(["body", "head"], f"{body.head} is no registered revision of {name}")
    return update(keys.app(name), app, at, **fields)


# - app/{name}
# - revision/{name},*
# - envset/{name},*
# - proctype/{name},*
# - scale/{name},*
# - secret/{name},*
def unregister(snapshot: Snapshot, at: datetime, name: str) -> Changes:
    """Raises NotFound, InUse while an instance is not in a final state."""
    removable(snapshot, keys.app(name), f"app {name}")
    used = active_instance(snapshot, keys.instances_of_app(name))
    if used is not None:
        raise InUse(
            f"Instance {used.id} of {name} is {used.status}: scale the app to 0 and let its instances end."
        )
    return Changes(
        deletes={keys.app(name)},
        prefixes={
            keys.revisions_of(name),
            keys.envsets_of(name),
            keys.proctypes_of(name),
            keys.scales_of_app(name),
            keys.secrets_of(name),
        },
    )
