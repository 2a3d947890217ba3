"""JSON -> dataclasses. What a newer service says beyond the known fields is ignored, and kept in `raw`."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T", bound=Any)

Reader = Callable[[Any], Any]


def read(cls: type[T], data: dict[str, Any], **more: Any) -> T:
    """The object that `data` is. A field that is absent is None: an older service may lack it."""
    made: Callable[..., T] = cls
    known = {
        name: None if (value := data.get(name)) is None else reader(value) for name, reader in _readers(made)
    }
    return made(**known, raw=data, **more)


@cache
def _readers(cls: Any) -> list[tuple[str, Reader]]:
    hints = get_type_hints(cls)
    return [
        (field.name, _reader(hints[field.name])) for field in dataclasses.fields(cls) if not field.kw_only
    ]


def _reader(hint: Any) -> Reader:
    if get_origin(hint) is UnionType:
        hint = next(part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is list:
        item = _reader(get_args(hint)[0])
        return lambda values: [item(value) for value in values]
    if hint is datetime:
        return datetime.fromisoformat
    if dataclasses.is_dataclass(hint):
        part: Any = hint
        return lambda value: read(part, value)
    return lambda value: value
