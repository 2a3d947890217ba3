"""A proctype: a process type of an app, with a port of its own."""

from typing import Annotated

from pydantic import MISSING, Field

from app.models.base import Model, Resource
from app.models.names import Name, Port, ProctypeName

MemoryLimit = Annotated[int, Field(ge=1, lt=2**31, description="MiB.", examples=[512])]


class Limits(Model):
    """What an instance may use."""

    memory_limit_mb: MemoryLimit | None


class Proctype(Resource):
    """A registered process type. The port is claimed at registration and unique."""

    app: Name
    name: ProctypeName
    port: Port
    limits: Limits


class LimitsCreate(Model):
    """What an instance may use. What is absent has no limit."""

    memory_limit_mb: MemoryLimit | None = None


class ProctypeCreate(Model):
    """What registers a proctype."""

    name: Annotated[ProctypeName, Field(examples=["web"])]
    limits: LimitsCreate = LimitsCreate()


class LimitsPatch(Model):
    """A merge patch of limits."""

    memory_limit_mb: MemoryLimit | MISSING | None = MISSING


class ProctypePatch(Model):
    """A merge patch of a proctype: `limits: null` removes all limits."""

    limits: LimitsPatch | MISSING | None = MISSING
