"""A runner: the process on a host that runs one instance."""

from app.models.base import Model, Resource
from app.models.names import Host, HostPort, Id


class Runner(Resource):
    """A registered runner. `host` is the host of `addr`."""

    addr: HostPort
    host: Host
    instance_id: Id


class RunnerCreate(Model):
    """What registers a runner."""

    addr: HostPort
    instance_id: Id
