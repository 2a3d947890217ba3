"""An env set: an immutable, named set of variables."""

from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource
from app.models.names import EnvVars, KeptVars, Name, Ref


class EnvSet(Resource):
    """A registered env set. It never changes."""

    app: Name
    ref: Ref
    vars: KeptVars


class EnvSetCreate(Model):
    """What registers an env set."""

    ref: Annotated[Ref, Field(examples=["prod-7"])]
    vars: EnvVars
