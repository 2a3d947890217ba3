"""A runner: the process on a host that runs one instance."""

from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource
from app.models.names import HostPort, Id, KeptHost


class Runner(Resource):
    """A registered runner. `host` is the host of `addr`."""

    addr: Annotated[str, Field(description="host:port.", examples=["10.0.0.7:9000"])]
    host: KeptHost
    instance_id: Id


class RunnerCreate(Model):
    """What registers a runner."""

    addr: HostPort
    instance_id: Id
