"""/apps and the variables of an app."""

from datetime import datetime
from typing import Annotated

from fastapi import Body, Response
from fastapi.routing import APIRouter
from pydantic_core import to_json

from app.http.declared_responses import changed, created, listed, removed, resource
from app.http.listing import List
from app.http.reads import Read
from app.http.writes import Post, Put, at_key
from app.models import codec, keys
from app.models.app import App, AppCreate, AppPatch, Env, EnvPatch, EnvVar, EnvVarSet
from app.models.base import Deleted
from app.models.names import EnvKey, Name
from app.models.page import AppPage
from app.registry import apps, env
from app.registry.readable import readable
from app.store.contract import Changes, Snapshot
from app.store.records import Record

router = APIRouter(tags=["apps"])


def _env(record: Record) -> bytes:
    app = codec.decode(record, App)
    return Env(rev=app.rev, vars=app.env).model_dump_json().encode()


class _Variable:
    """The body for one variable of an app's record."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._read: tuple[Record, dict[str, str]] | None = None

    def _env(self, record: Record) -> dict[str, str]:
        if self._read is None or self._read[0] is not record:
            # Of a whole app only this is wanted: it was checked when it was written.
            self._read = record, codec.kept(record)["env"]
        return self._read[1]

    def fits(self, record: Record) -> bool:
        return self.key in self._env(record)

    def body(self, record: Record) -> bytes:
        return self.body_of(record, self._env(record)[self.key])

    def body_of(self, record: Record, value: str) -> bytes:
        """The same where the value is known. It is an `EnvVar`, of parts that were checked."""
        return to_json({"rev": record.rev, "key": self.key, "value": value})

    def target(self, app: str, snapshot: Snapshot) -> Record | None:
        record = snapshot.get(keys.app(app))
        return record if record is not None and readable(record) and self.fits(record) else None


@router.get("/apps", response_model=AppPage, responses=listed(), summary="List apps")
async def list_apps(listing: List) -> Response:
    """All apps, by name."""
    return await listing.of(keys.APPS)


@router.post("/apps", status_code=201, response_model=App, responses=created(), summary="Register an app")
async def register_app(body: AppCreate, write: Post) -> Response:
    """The body may carry the app's first variables."""
    return await write.create(lambda snapshot, at: apps.register(snapshot, at, body), keys.app(body.name))


@router.get("/apps/{app}", response_model=App, responses=resource(404), summary="Read an app")
async def get_app(app: Name, view: Read) -> Response:
    """The app with its variables."""
    return await view.resource(keys.app(app), f"app {app}")


@router.patch("/apps/{app}", response_model=App, responses=changed(404), summary="Change an app")
async def patch_app(app: Name, body: AppPatch, write: Put) -> Response:
    """A merge patch (RFC 7396) of `repo_url`, `stack`, `deploy_type` and `head`. The head has to be a
    registered revision."""
    return await write.answer(lambda snapshot, at: apps.patch(snapshot, at, app, body), at_key(keys.app(app)))


@router.delete("/apps/{app}", response_model=Deleted, responses=removed(404), summary="Unregister an app")
async def unregister_app(app: Name, write: Put) -> Response:
    """Removes the app with its revisions, env sets and proctypes, in one commit. `in-use` while an
    instance of it is not in a final state."""
    return await write.delete(lambda snapshot, at: apps.unregister(snapshot, at, app), at_key(keys.app(app)))


@router.get("/apps/{app}/env", response_model=Env, responses=resource(404), summary="Read an app's variables")
async def get_env(app: Name, view: Read) -> Response:
    """All variables. Their `rev` is the app's."""
    return await view.resource(keys.app(app), f"app {app}", _env)


@router.patch("/apps/{app}/env", response_model=Env, responses=changed(404), summary="Change many variables")
async def patch_env(app: Name, body: Annotated[EnvPatch, Body()], write: Put) -> Response:
    """A merge patch (RFC 7396), in one commit: null removes a variable; a variable that is not named
    stays."""
    return await write.answer(
        lambda snapshot, at: env.patch(snapshot, at, app, body), at_key(keys.app(app)), body=_env
    )


@router.get(
    "/apps/{app}/env/{key}",
    response_model=EnvVar,
    responses=resource(404),
    summary="Read a variable",
)
async def get_env_var(app: Name, key: EnvKey, view: Read) -> Response:
    """One variable. Its `rev` is the app's."""
    variable = _Variable(key)
    return await view.resource(
        keys.app(app), f"variable {key} of app {app}", variable.body, fits=variable.fits
    )


@router.put(
    "/apps/{app}/env/{key}",
    response_model=EnvVar,
    responses=changed(404),
    summary="Set a variable",
)
async def set_env_var(app: Name, key: EnvKey, body: EnvVarSet, write: Put) -> Response:
    """Creates or replaces the variable. Setting the value that it already has makes no commit."""
    variable = _Variable(key)

    def rule(snapshot: Snapshot, at: datetime) -> Changes:
        return env.patch(snapshot, at, app, {key: body.value})

    return await write.answer(
        rule,
        lambda snapshot: variable.target(app, snapshot),
        body=lambda record: variable.body_of(record, body.value),
    )


@router.delete(
    "/apps/{app}/env/{key}",
    response_model=Deleted,
    responses=removed(404),
    summary="Remove a variable",
)
async def remove_env_var(app: Name, key: EnvKey, write: Put) -> Response:
    """404 if there is no such variable."""
    variable = _Variable(key)
    return await write.delete(
        lambda snapshot, at: env.remove(snapshot, at, app, key),
        lambda snapshot: variable.target(app, snapshot),
    )
