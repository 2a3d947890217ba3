"""What `POST /revert` and `POST /commits/{rev}/undo` take."""

from enum import StrEnum
from typing import Annotated

from pydantic import MISSING, Field

from app.models.base import INT64, MAX_INT64, Model
from app.models.document import PlanHash
from app.models.paths import PATH_SCHEMA
from app.models.times import TimeText


class Part(StrEnum):
    """A part of the declared objects that can be reverted by itself."""

    ABOUT = "about"
    ENV = "env"
    HEAD = "head"
    ENV_SETS = "env_sets"
    REVISIONS = "revisions"
    PROCTYPES = "proctypes"
    SERVICES = "services"
    ENDPOINTS = "endpoints"


class Ports(StrEnum):
    """Which port a restored proctype gets: the one it had, or a new one."""

    SAME = "same"
    NEW = "new"


class RevertRequest(Model):
    """What to restore, and from which moment."""

    path: Annotated[
        str,
        Field(
            json_schema_extra=PATH_SCHEMA,
            description="The subtree to restore.",
            examples=["/apps/rocket"],
        ),
    ]
    to_rev: Annotated[
        Annotated[int, Field(ge=0, le=MAX_INT64, json_schema_extra=INT64)] | MISSING,
        Field(description="The rev to go back to. Give this or `to_at`.", examples=[41]),
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
                description="Only these parts; `about` is `repo_url`, `stack` and `deploy_type` of "
                "an app. Without `only`, all parts.",
            ),
        ]
        | MISSING
    ) = MISSING
    scale: Annotated[
        bool,
        Field(
            description="Restore the numbers of instances, too: instances are started and stopped "
            "in the same commit."
        ),
    ] = False
    delete: Annotated[bool, Field(description="Remove what was registered after that rev.")] = False
    ports: Annotated[
        Ports, Field(strict=False, description="The port of a proctype that comes back: `same` or `new`.")
    ] = Ports.SAME
    plan: PlanHash | MISSING = MISSING


class UndoRequest(Model):
    """Options of an undo."""

    plan: PlanHash | MISSING = MISSING
