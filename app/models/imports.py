"""The options of an import, and its answer."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.models.base import Model, Rev
from app.models.names import Port


class ImportMode(StrEnum):
    """`empty`: the registry has to be empty, or to hold the beginning of this same file. `merge`: other
    objects stay, and the objects of the file become as the file says."""

    EMPTY = "empty"
    MERGE = "merge"


class NewPort(Model):
    """A proctype whose port was taken here, and that got a new one."""

    path: Annotated[str, Field(description="The proctype's path.")]
    was: Annotated[Port, Field(description="Its port in the file.")]
    port: Annotated[Port, Field(description="The port that it has here.")]


class Imported(Model):
    """What happened to the objects of a file: each was imported, unchanged or left."""

    rev: Annotated[
        Rev, Field(description="The rev of the last commit, or the latest rev if nothing was committed.")
    ]
    objects: Annotated[int, Field(description="Objects of the file.")]
    imported: Annotated[int, Field(description="Objects that were added, or changed to what the file says.")]
    unchanged: Annotated[int, Field(description="Objects that were already as the file says.")]
    left: Annotated[
        int,
        Field(
            description="Objects that stay as they are here, because they have changed since or have ended."
        ),
    ]
    commits: Annotated[int, Field(description="How many commits were made.")]
    secrets: Annotated[
        int, Field(description="Secrets that came without their values: each has to be set anew.")
    ]
    ports: Annotated[list[NewPort], Field(description="Proctypes that got another port: the first hundred.")]
