"""A member: one of the platform's own parts, present as long as it says so."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource
from app.models.names import HostMaybePort, ShortText


class MemberKind(StrEnum):
    """Process managers, proxies, loggers."""

    PMS = "pms"
    PROXIES = "proxies"
    LOGGERS = "loggers"


Ttl = Annotated[
    int, Field(ge=1, le=86_400 * 30, description="Seconds after which it vanishes unless it is PUT again.")
]


class Member(Resource):
    """A member of the platform."""

    kind: MemberKind
    addr: HostMaybePort
    version: ShortText
    ttl: Ttl | None


class MemberSet(Model):
    """What announces a member, and renews it."""

    version: Annotated[ShortText, Field(examples=["1.4.2"])]
    ttl: Ttl | None = None
