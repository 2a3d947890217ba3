"""A difference for people: a line for each thing that differs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_SIGNS = {"create": "+", "delete": "-", "update": "~", "replace": "!"}

LONGEST = 200
"""Characters of a value that are shown."""


def lines(item: Mapping[str, Any]) -> Iterator[str]:
    """The lines of an item of a diff."""
    sign, path, by = _SIGNS[item["action"]], item["path"], _by(item["by"])
    if not item["fields"]:
        yield f"{sign} {path}   {by}".rstrip()
    for field in item["fields"]:
        name = field["path"].removeprefix("/").replace("/", ".").replace("~1", "/").replace("~0", "~")
        was, now = (_value(field[side]) if side in field else "-" for side in ("before", "after"))
        yield f"{sign} {path} {printable(name)} {was} -> {now}   {by}".rstrip()


def _by(by: Mapping[str, Any] | None) -> str:
    if by is None:
        return ""
    reason = f": {printable(by['reason'])}" if by["reason"] else ""
    return f"(rev {by['rev']}, {by['at'][11:19]}Z, {by['actor']}{reason})"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return printable(text if len(text) <= LONGEST else text[:LONGEST] + "\\u2026")


def printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
