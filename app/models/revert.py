"""What `POST /revert` and `POST /commits/{rev}/undo` take."""

from enum import StrEnum
from typing import Annotated

from pydantic import MISSING, Field

from app.models.base import INT64, MAX_INT64, Model
from app.models.document import PlanHash
from app.models.paths import PATH_SCHEMA
from app.models.times import TimeText


class Part(StrEnum):
    """A part of what is declared that can go back by itself."""

    ABOUT = "about"
    ENV = "env"
    HEAD = "head"
    ENV_SETS = "env_sets"
    REVISIONS = "revisions"
    PROCTYPES = "proctypes"
    SERVICES = "services"
    ENDPOINTS = "endpoints"


class Ports(StrEnum):
    """Which port a proctype gets that comes back: the one it had, or a new one."""

    SAME = "same"
    NEW = "new"


class RevertRequest(Model):
    """What is to be as it was, and when that was."""

    path: Annotated[
        str,
        Field(
            json_schema_extra=PATH_SCHEMA,
            description="The subtree that goes back.",
            examples=["/apps/rocket"],
        ),
    ]
    to_rev: Annotated[
        Annotated[int, Field(ge=0, le=MAX_INT64, json_schema_extra=INT64)] | MISSING,
        Field(description="The rev to go back to; or say `to_at`.", examples=[41]),
    ] = MISSING
    to_at: Annotated[
        TimeText | MISSING,
        Field(description="Instead of `to_rev`: a time, or how long ago.", examples=["-15m"]),
    ] = MISSING
    only: (
        Annotated[
            list[Annotated[Part, Field(strict=False)]],
            Field(
                min_length=1,
                description="Only these parts; `about` is what an app says of itself (`repo_url`, `stack`, "
                "`deploy_type`). Without it, all.",
            ),
        ]
        | MISSING
    ) = MISSING
    scale: Annotated[
        bool,
        Field(description="The counts go back too: instances are started and stopped, in the same commit."),
    ] = False
    delete: Annotated[bool, Field(description="What came after that rev is removed.")] = False
    ports: Annotated[
        Ports, Field(strict=False, description="The port of a proctype that comes back: `same` or `new`.")
    ] = Ports.SAME
    plan: PlanHash | MISSING = MISSING


class UndoRequest(Model):
    """How a commit is undone."""

    plan: PlanHash | MISSING = MISSING
