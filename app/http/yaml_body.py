"""YAML as a body: what JSON can say, in another spelling.

Read from the parser's events, so that nothing is made before it is allowed. Aliases, tags and documents after
the first are refused: a few lines of aliases can mean a gigabyte. Plain words are what YAML 1.2 makes of them
in its JSON schema: `no` is a text, and so is `2026-11-30`.
"""

import re
from typing import Any

import yaml

from app.errors import MalformedRequest
from app.http.json_body import MAX_DEPTH, MAX_DIGITS
from app.store.steps import STEP, Steps

MEDIA_TYPES = frozenset({b"application/yaml", b"application/x-yaml", b"text/yaml"})

_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
_TEXT = "tag:yaml.org,2002:str"


def parsing(body: bytes, most: int) -> Steps[Any]:
    """The value of the one document, of at most `most` values, made in steps. Raises MalformedRequest."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The body is not UTF-8, at byte {error.start}.") from None
    try:
        return (yield from _Reader(text, most).document())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", at line {mark.line + 1}, column {mark.column + 1}"
        raise MalformedRequest(f"The body is not YAML{where}.") from None


class _Reader:
    """Makes values of the events of a text."""

    def __init__(self, text: str, most: int) -> None:
        self._events = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._most = most
        self._values = 0

    def document(self) -> Steps[Any]:
        self._next()  # the stream
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise MalformedRequest("The body has no document.")
        value = yield from self._value(self._next(), 0)
        self._next()  # the end of the document
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise MalformedRequest("The body has more than one document: send one at a time.")
        return value

    def _next(self) -> Any:
        return next(self._events)

    def _value(self, event: Any, depth: int) -> Steps[Any]:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise MalformedRequest(f"The body has an anchor or alias{_at(event)}: write out what it means.")
        self._values += 1
        if self._values % STEP == 0:
            yield
        if self._values > self._most:
            raise MalformedRequest(f"The body holds more than {self._most} values, those inside others too.")
        if depth > MAX_DEPTH:
            raise MalformedRequest(f"The body is nested more than {MAX_DEPTH} deep.")
        if event.tag not in (None, _TEXT) and not (event.tag == "!" and isinstance(event, yaml.ScalarEvent)):
            raise MalformedRequest(f"The body has a tag{_at(event)}: leave it out.")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return (yield from self._sequence(depth))
        return (yield from self._mapping(depth))

    def _sequence(self, depth: int) -> Steps[list[Any]]:
        made = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            made.append((yield from self._value(event, depth + 1)))
        return made

    def _mapping(self, depth: int) -> Steps[dict[str, Any]]:
        made: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise MalformedRequest(f"The body has a key that is no text{_at(event)}.")
            if event.anchor is not None or event.value == "<<":
                raise MalformedRequest(f"The body has an anchor or alias{_at(event)}: write it out.")
            if event.value in made:
                raise MalformedRequest(f"The body repeats a key{_at(event)}.")
            made[event.value] = yield from self._value(self._next(), depth + 1)
        return made


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0] or event.style or event.tag == _TEXT:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.match(text):
        return text
    if len(text) > MAX_DIGITS:
        raise MalformedRequest(f"The body holds a number of more than {MAX_DIGITS} digits.")
    if _INTEGER.match(text):
        return int(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise MalformedRequest("The body holds a number that is too large.")
    return number


def _at(event: Any) -> str:
    return f" at line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"
