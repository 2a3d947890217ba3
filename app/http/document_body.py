"""A document as a body: JSON or YAML, larger than other bodies may be."""

from collections.abc import Callable
from typing import Any, TypeVar

from app.events.turns import Turns
from app.http import json_body, yaml_body
from app.http.context import Call
from app.http.endpoint import READS_BODY

F = TypeVar("F", bound=Callable[..., Any])

MAX_VALUES = 8_000
"""Values in a document, those inside others too: a commit of 2,000 keys can be said in less."""


async def read(call: Call, turns: Turns) -> Any:
    """The value that the call's body is. Raises UnsupportedMediaType, MalformedRequest."""
    declared = call.fields.get(b"content-type", b"").partition(b";")[0].strip(b" \t").lower()
    if declared in yaml_body.MEDIA_TYPES and b"content-encoding" not in call.fields:
        return await turns.take(yaml_body.parsing(call.content, MAX_VALUES))
    json_body.require_json(call.fields)
    value = json_body.parse(call.content, MAX_VALUES)
    await turns.give_way()  # to check the values takes as long as to read them
    return value


def takes_document(function: F) -> F:
    """Has the bodies of a route read as documents."""
    setattr(function, READS_BODY, read)
    return function
