"""RFC 9457 problem details, as every error is answered."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.models.base import Model


class FieldError(Model):
    """One field that is not valid."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(Model):
    """What went wrong. `detail` says what to do; further members depend on the code."""

    # Members beyond the standard ones are allowed by RFC 9457, 3.2.
    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["/problems/not-found"])]
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(examples=["not-found"])]
