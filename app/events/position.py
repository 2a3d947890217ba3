"""A position in the history: after all of a rev, or after one of its events."""

import re
from dataclasses import dataclass

from app.errors import MalformedRequest

_ID = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,9}))?\Z")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Everything up to event `index` of `rev` was received; all of `rev` where `index` is None."""

    rev: int
    index: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Position":
        """`42-0` or `42`, as event ids are. Raises MalformedRequest."""
        match = _ID.match(text)
        if match is None or int(match[1]) >= 2**63:
            raise MalformedRequest("An event id is a rev, or a rev and an index: `42` or `42-0`.")
        return cls(int(match[1]), None if match[2] is None else int(match[2]))

    @property
    def after(self) -> int:
        """The commits that are needed to go on are those after this rev."""
        return self.rev if self.index is None else max(self.rev - 1, 0)

    def passed(self, rev: int, index: int) -> bool:
        """Whether the event at (rev, index) was received."""
        return rev < self.rev or (rev == self.rev and (self.index is None or index <= self.index))

    def __str__(self) -> str:
        return str(self.rev) if self.index is None else f"{self.rev}-{self.index}"
