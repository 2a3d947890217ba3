"""How the story is told: a step is a call and its answer."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """`operation` is the operationId that shows this step as its example; a step without one only moves
    the story on. `status` and `answer` are as the service gives them, but for the time of day; `like` is an
    answer that depends on that, of which only the form is the same."""

    call: str
    body: Any = None
    answer: Any = None
    status: int = 200
    operation: str | None = None
    like: bool = False


def at(rev: int) -> str:
    """When a commit of the story was made."""
    return f"2026-11-02T09:{rev:02d}:00.000000Z"


def resource(rev: int, created_rev: int, **fields: Any) -> dict[str, Any]:
    """A resource as it was changed at `rev`."""
    return {
        "rev": rev,
        "created_rev": created_rev,
        "created_at": at(created_rev),
        "updated_at": at(rev),
        **fields,
    }


def page(rev: int, *items: Any) -> dict[str, Any]:
    """The one page of a short list."""
    return {"rev": rev, "items": list(items), "next": None}


HOST = "10.0.0.7"
REF = "128af9"
ARCHIVE = "https://archive.example.com/rocket/128af9.img"
