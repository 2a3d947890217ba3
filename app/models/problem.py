"""RFC 9457 problem details, as every error is answered."""

from typing import Annotated, Literal

from pydantic import MISSING, ConfigDict, Field
from typing_extensions import TypeAliasType

from app.models.base import Model, Rev
from app.models.instance import Ended, Lock

LocationPart = TypeAliasType(
    "LocationPart",
    Annotated[str | int, Field(description="A name, or the place in a list, counted from 0.")],
)


class FieldError(Model):
    """One field that is not valid."""

    loc: Annotated[
        list[LocationPart],
        Field(
            description="Where it is: body, path, query or header, then the names.",
            examples=[["body", "name"]],
        ),
    ]
    msg: Annotated[str, Field(description="What is wrong with it.", examples=["Field required"])]
    type: Annotated[str, Field(description="The kind of the error, for programs.", examples=["missing"])]
    pointer: Annotated[
        str | MISSING,
        Field(description="Of a document: the place as a JSON pointer.", examples=["/apps/0/stack"]),
    ] = MISSING


class ConflictEntry(Model):
    """One change that the state of the registry does not allow."""

    path: Annotated[str, Field(description="The path of the object.", examples=["/apps/rocket"])]
    code: Annotated[
        str, Field(description="The code that a call of its own would answer.", examples=["in-use"])
    ]
    detail: Annotated[str, Field(description="What the conflict is, and what to do.")]


class Problem(Model):
    """What went wrong. `detail` says what to do; further members depend on the code."""

    # Members beyond the standard ones are allowed by RFC 9457, 3.2.
    model_config = ConfigDict(extra="allow")

    type: Annotated[
        str, Field(description="A page that explains the code.", examples=["/problems/not-found"])
    ]
    title: Annotated[
        str,
        Field(
            description="A short text, always the same for a code.", examples=["There is no such resource"]
        ),
    ]
    status: Annotated[int, Field(description="The status of the answer.", examples=[404])]
    detail: Annotated[
        str,
        Field(
            description="What the conflict is, and what to do.",
            examples=["There is no app rocket at rev 42."],
        ),
    ]
    code: Annotated[str, Field(description="For programs.", examples=["not-found"])]
    rev: Annotated[Rev | MISSING, Field(description="The rev of the snapshot that was read.")] = MISSING
    current_rev: Annotated[
        Rev | MISSING | None,
        Field(
            description="`rev-in-future`: the latest rev. `rev-mismatch`: the resource's, null where there "
            "is none."
        ),
    ] = MISSING
    oldest_rev: Annotated[
        Rev | MISSING, Field(description="`rev-compacted`: the oldest rev that can be read.")
    ] = MISSING
    errors: Annotated[
        list[FieldError] | MISSING, Field(description="`invalid-request`: one entry for each field.")
    ] = MISSING
    state: Annotated[
        str | MISSING, Field(description="`invalid-state`: the state it is in.", examples=["exited"])
    ] = MISSING
    host: Annotated[
        str | MISSING | None, Field(description="`already-claimed`: who holds it.", examples=["10.0.0.7"])
    ] = MISSING
    needs: Annotated[
        str | MISSING,
        Field(description="`forbidden`: which grants would allow it.", examples=["operator or admin"]),
    ] = MISSING
    reason: Annotated[
        str | MISSING,
        Field(description="`unauthenticated`: `expired`, where the token is right.", examples=["expired"]),
    ] = MISSING
    ended: Annotated[
        Ended | MISSING, Field(description="`not-found`: what is kept of an instance that is done.")
    ] = MISSING
    lock: Annotated[Lock | MISSING, Field(description="`locked`: by whom, and why.")] = MISSING
    limit: Annotated[
        int | MISSING,
        Field(
            description="`body-too-large`: how many bytes there may be. `too-many-changes`: how many "
            "objects, or bytes, one commit takes. `too-many-objects`: how many of the kind there may be.",
            examples=[1048576],
        ),
    ] = MISSING
    kind: Annotated[
        str | MISSING, Field(description="`too-many-objects`: the kind of object.", examples=["instance"])
    ] = MISSING
    count: Annotated[int | MISSING, Field(description="`too-many-objects`: how many there are.")] = MISSING
    conflicts: Annotated[
        list[ConflictEntry] | MISSING,
        Field(description="`conflict`: everything in a plan that the registry does not allow."),
    ] = MISSING
    plan: Annotated[str | MISSING, Field(description="`rev-mismatch`: the plan as it would be now.")] = (
        MISSING
    )
    changes: Annotated[
        int | MISSING, Field(description="`too-many-changes`: how many objects would change.")
    ] = MISSING
    scope: Annotated[
        str | MISSING,
        Field(
            description="`too-many-requests`, `too-many-subscribers`: whose limit, `client` or `server`.",
            examples=["client"],
        ),
    ] = MISSING
    outcome: Annotated[
        Literal["unknown"] | MISSING,
        Field(description="`coordinator-unavailable`: the write may have happened nevertheless."),
    ] = MISSING
