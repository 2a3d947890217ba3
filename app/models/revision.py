"""A revision: a version of an app's code. Never a rev."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.models.base import Model, Resource
from app.models.names import Name, Ref, UriReference


class RevisionState(StrEnum):
    """Whether an archive of the revision is there to run."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"


ArchiveUrl = Annotated[
    UriReference,
    Field(
        description="Where the built archive is: a URL, or a path that your hosts know.",
        examples=["https://archive.example.com/rocket/128af9.img"],
    ),
]


class Revision(Resource):
    """A registered revision. Only an accepted one can be scaled."""

    app: Name
    ref: Ref
    state: RevisionState
    archive_url: ArchiveUrl | None


class RevisionCreate(Model):
    """What proposes a revision, or, with an `archive_url`, registers it as accepted at once."""

    ref: Ref
    archive_url: ArchiveUrl | None = None


class Ratification(Model):
    """What accepts a proposed revision."""

    archive_url: ArchiveUrl
