"""A runner: the process on a host that runs one instance."""

from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource
from app.models.names import Host, HostPort


class Runner(Resource):
    """A registered runner. `host` is the host of `addr`."""

    addr: HostPort
    host: Host
    instance_id: Annotated[int, Field(ge=1, lt=2**63)]


class RunnerCreate(Model):
    """What registers a runner."""

    addr: HostPort
    instance_id: Annotated[int, Field(ge=1, lt=2**63, examples=[17])]
