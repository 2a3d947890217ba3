"""An env set: an immutable, named set of variables."""

from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource
from app.models.names import EnvVars, Name, Ref


class EnvSet(Resource):
    """A registered env set. It never changes."""

    app: Name
    ref: Ref
    vars: EnvVars


class EnvSetCreate(Model):
    """What registers an env set."""

    ref: Annotated[Ref, Field(examples=["prod-7"])]
    vars: EnvVars
