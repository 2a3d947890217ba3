"""What an import is told, and what it answers."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.models.base import Model, Rev
from app.models.names import Port


class ImportMode(StrEnum):
    """`empty`: into a registry that has nothing, or the beginning of this very file. `merge`: beside what
    there is; what the file names becomes as the file says."""

    EMPTY = "empty"
    MERGE = "merge"


class NewPort(Model):
    """A proctype whose port was another's here, and that has got a new one."""

    path: Annotated[str, Field(description="The proctype's path.")]
    was: Annotated[Port, Field(description="Its port in the file.")]
    port: Annotated[Port, Field(description="The port that it has here.")]


class Imported(Model):
    """What became of the objects of a file: each is imported, unchanged or left."""

    rev: Annotated[
        Rev, Field(description="The rev of the last commit; where there was none, of the registry.")
    ]
    objects: Annotated[int, Field(description="Objects of the file.")]
    imported: Annotated[int, Field(description="Objects that were put, or brought to what the file says.")]
    unchanged: Annotated[int, Field(description="Objects that were as the file says.")]
    left: Annotated[
        int,
        Field(description="Objects that stay as they are here: they have changed since, or ended."),
    ]
    commits: Annotated[int, Field(description="Commits that it took.")]
    secrets: Annotated[
        int, Field(description="Secrets that came without their values: each has to be set anew.")
    ]
    ports: Annotated[list[NewPort], Field(description="Proctypes that got another port: the first hundred.")]
