"""A member: one of the platform's own parts, present as long as it says so."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource
from app.models.names import ShortText


class MemberKind(StrEnum):
    """Process managers, proxies, loggers."""

    PMS = "pms"
    PROXIES = "proxies"
    LOGGERS = "loggers"


Ttl = Annotated[
    int, Field(ge=1, le=86_400 * 30, description="Seconds after which it is removed unless it is PUT again.")
]


class Member(Resource):
    """A member of the platform."""

    kind: MemberKind
    addr: Annotated[str, Field(description="A host, or host:port.", examples=["10.0.0.7"])]
    version: str | None
    ttl: Ttl | None


class MemberSet(Model):
    """What announces a member, and renews it."""

    version: Annotated[ShortText, Field(examples=["1.4.2"])] | None = None
    ttl: Ttl | None = None
