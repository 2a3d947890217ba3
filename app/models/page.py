"""A page of a list."""

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from app.models.app import App
from app.models.base import Model, Rev
from app.models.envset import EnvSet
from app.models.instance import Ended, Instance
from app.models.member import Member
from app.models.proctype import Proctype
from app.models.revision import Revision
from app.models.runner import Runner
from app.models.service import Endpoint, Service
from app.models.token import Token

T = TypeVar("T")

Next = Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]


class Page(Model, Generic[T]):
    """Items of one snapshot, in the order of what names them."""

    rev: Rev
    items: list[T]
    next: Next


class TokenPage(Page[Token]):
    """A page of tokens."""


class AppPage(Page[App]):
    """A page of apps."""


class RevisionPage(Page[Revision]):
    """A page of revisions."""


class EnvSetPage(Page[EnvSet]):
    """A page of env sets."""


class ProctypePage(Page[Proctype]):
    """A page of proctypes."""


class InstancePage(Page[Instance]):
    """A page of instances."""


class EndedPage(Page[Ended]):
    """A page of ended entries."""


class ServicePage(Page[Service]):
    """A page of services."""


class EndpointPage(Page[Endpoint]):
    """A page of endpoints."""


class RunnerPage(Page[Runner]):
    """A page of runners."""


class MemberPage(Page[Member]):
    """A page of members."""
