"""An app's variables. They are part of the app: a change of one is a change of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.errors import InvalidRequest
from app.models import codec, keys
from app.models.names import MAX_VARIABLES
from app.registry.state import amend, exists, missing
from app.store.contract import Changes, Snapshot
from app.store.records import Record


# - app/{name} (env without the changes)
# + app/{name} (env with the changes)
def patch(snapshot: Snapshot, at: datetime, name: str, changes: Mapping[str, str | None]) -> Changes:
    """Set many variables, and remove those that are None, in one commit. Raises NotFound, InvalidRequest
    where there would be too many."""
    record = exists(snapshot, keys.app(name), f"app {name}")
    return _amended(record, codec.kept(record), at, changes)


# - app/{name} (env with key)
# + app/{name} (env without key)
def remove(snapshot: Snapshot, at: datetime, name: str, key: str) -> Changes:
    """Raises NotFound where the app or the variable is not there."""
    record = exists(snapshot, keys.app(name), f"app {name}")
    app = codec.kept(record)
    if key not in app["env"]:
        raise missing(f"variable {key} of app {name}", snapshot)
    return _amended(record, app, at, {key: None})


# - app/{name} (env without the changes)
# + app/{name} (env with the changes)
def _amended(record: Record, app: dict[str, Any], at: datetime, changes: Mapping[str, str | None]) -> Changes:
    """Change variables of an app that was read already. Raises InvalidRequest."""
    env = dict(app["env"])
    for key, value in changes.items():
        if value is None:
            env.pop(key, None)
        else:
            env[key] = value
    if len(env) > max(MAX_VARIABLES, len(app["env"])):
        raise InvalidRequest.of(["body"], f"an app has {MAX_VARIABLES} variables at most")
    return amend(record, app, at, env=env)
