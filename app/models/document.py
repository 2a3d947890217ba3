"""A platform, or a part of it, as one document: what `POST /apply` takes."""

from enum import StrEnum
from typing import Annotated

from pydantic import MISSING, Field

from app.models.app import DeployType, RepoUrl, Stack
from app.models.base import Model
from app.models.names import (
    MAX_VARIABLES,
    EnvKey,
    EnvValue,
    EnvVars,
    Host,
    Ip,
    Name,
    Port,
    Printable,
    ProctypeName,
    Ref,
    ServiceName,
)
from app.models.proctype import LimitsPatch
from app.models.revision import ArchiveUrl
from app.models.scale import MAX_SCALE
from app.models.service import Priority, Weight

Absent = Annotated[bool, Field(description="Remove the app; then no other field is allowed.")]

PLAN = r"^[0-9a-f]{64}$"

PlanHash = Annotated[
    str,
    Field(
        pattern=PLAN,
        description="The `plan` of a dry run: make exactly its changes, or none (412).",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    ),
]


class AppList(StrEnum):
    """A list of an app that can be exact."""

    ENV = "env"
    ENV_SETS = "env_sets"
    REVISIONS = "revisions"
    PROCTYPES = "proctypes"


class ServiceList(StrEnum):
    """A list of a service that can be exact."""

    ENDPOINTS = "endpoints"


class EnvSetEntry(Model):
    """An env set that should exist. An env set never changes: other variables under the same ref are 409."""

    ref: Ref
    vars: EnvVars | MISSING = MISSING
    absent: Absent = False


class RevisionEntry(Model):
    """A revision that should exist; with an `archive_url`, accepted."""

    ref: Ref
    archive_url: ArchiveUrl | MISSING | None = MISSING
    absent: Absent = False


class ScaleEntry(Model):
    """How many instances of a revision and an env set should run."""

    revision: Ref
    env: Ref | None = None
    count: Annotated[int, Field(ge=0, le=MAX_SCALE, examples=[6])]


class ProctypeEntry(Model):
    """A proctype that should exist. `limits: null` removes all limits. Counts that are not named stay."""

    name: ProctypeName
    limits: LimitsPatch | MISSING | None = MISSING
    scale: list[ScaleEntry] = Field(default_factory=list)
    absent: Absent = False


class AppEntry(Model):
    """An app that should exist. A new one needs `repo_url` and `stack`; what is not named stays. Null in
    `env` removes a variable. `exact` names lists from which everything that the document does not name is
    removed."""

    name: Name
    repo_url: RepoUrl | MISSING = MISSING
    stack: Stack | MISSING = MISSING
    deploy_type: DeployType | MISSING | None = MISSING
    head: Ref | MISSING | None = MISSING
    env: Annotated[dict[EnvKey, EnvValue | None], Field(max_length=MAX_VARIABLES)] | MISSING = MISSING
    env_sets: list[EnvSetEntry] = Field(default_factory=list)
    revisions: list[RevisionEntry] = Field(default_factory=list)
    proctypes: list[ProctypeEntry] = Field(default_factory=list)
    exact: list[Annotated[AppList, Field(strict=False)]] = Field(default_factory=list)
    absent: Absent = False


class EndpointEntry(Model):
    """An endpoint that should exist, known by its `addr` and `port`. An endpoint never changes."""

    addr: Host
    port: Port
    ip: Ip | MISSING | None = MISSING
    priority: Priority | MISSING = MISSING
    weight: Weight | MISSING = MISSING
    target: Annotated[Printable, Field(max_length=253)] | MISSING | None = MISSING
    absent: Absent = False


class ServiceEntry(Model):
    """A service that should exist."""

    name: ServiceName
    endpoints: list[EndpointEntry] = Field(default_factory=list)
    exact: list[Annotated[ServiceList, Field(strict=False)]] = Field(default_factory=list)
    absent: Absent = False


class Document(Model):
    """A platform as it should be. What is not named stays as it is."""

    apps: list[AppEntry] = Field(default_factory=list)
    services: list[ServiceEntry] = Field(default_factory=list)
    plan: PlanHash | MISSING = MISSING
