"""`?fields=`: the items of a list, with only the fields that the reader wants.

It is no part of openapi.yaml: what is left out is required there, and clients made of it never ask so.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from pydantic import MISSING, Field
from pydantic_core import from_json, to_json

from app.errors import InvalidRequest
from app.events.turns import Turns

PageFields = Annotated[
    Annotated[str, Field(pattern=r"^[a-z_]{1,64}(,[a-z_]{1,64}){0,63}$")] | MISSING,
    Query(include_in_schema=False),
]


def fields_in(text: object) -> frozenset[str]:
    """The names that a parameter lists; none for all."""
    return frozenset(text.split(",")) if isinstance(text, str) else frozenset()


async def in_part(items: Sequence[bytes], fields: frozenset[str], turns: Turns) -> list[bytes]:
    """The items with these fields only, in their own order. Raises InvalidRequest where one has no such
    field."""
    parts: list[bytes] = []
    for item in items:
        resource = from_json(item)
        unknown = fields - resource.keys()
        if unknown:
            raise InvalidRequest.of(["query", "fields"], f"names no field of these items: {min(unknown)}")
        parts.append(to_json({name: value for name, value in resource.items() if name in fields}))
        if turns.over:
            await turns.give_way()
    return parts
