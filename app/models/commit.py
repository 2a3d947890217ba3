"""Commits, as the API shows them: who changed what, when, by which request and why."""

from typing import Annotated, Any

from pydantic import Field

from app.models.base import Model, Rev, Timestamp

SHOWN = 20
"""Changes of a commit in a list of commits."""

OWN = "visor"
"""The actor of what the service does by itself."""


class CommitChange(Model):
    """One object that a commit has changed."""

    path: Annotated[str, Field(description="Of the object.", examples=["/apps/rocket"])]
    kind: Annotated[
        str, Field(description="The kind of object: app, revision, instance, ..", examples=["app"])
    ]
    action: Annotated[
        str,
        Field(
            description="create, update, delete or replace (gone and made again at once); of an instance, "
            "what happened to it: register, claim, start, ..",
            examples=["update"],
        ),
    ]


class ShownChange(CommitChange):
    """One object before the commit and after it. Null if it does not exist, and `{"unreadable": true}` if
    another program wrote something that cannot be read."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None


class CommitHead(Model):
    """Who, when, by which request and why."""

    rev: Rev
    at: Timestamp
    actor: Annotated[str, Field(examples=["anna"])]
    request: Annotated[str, Field(description="Method and path.", examples=["PUT /apps/rocket/env/cow"])]
    reason: Annotated[
        str | None,
        Field(description="The reason that was sent as `Visor-Reason`.", examples=["cows are shy"]),
    ]
    trace: Annotated[str | None, Field(description="The W3C traceparent.")]
    on_behalf_of: Annotated[
        str | None, Field(description="For whom the actor acted, if the request said so.")
    ]


class CommitSummary(CommitHead):
    """A commit with the first 20 of its changes that fit the filters; `total` is how many there are."""

    changes: list[CommitChange]
    total: int


class CommitDetail(CommitHead):
    """A commit with its changes, each with the object before and after. `total` is how many changes it
    has; `next` is the cursor of those that did not fit into the answer."""

    changes: list[ShownChange]
    total: int
    next: Annotated[str | None, Field(description="The cursor of the next changes; null on the last page.")]


class CommitPage(Model):
    """Commits of the history up to `rev`. One call looks at a limited number of commits, so a page can be
    empty and still have a `next`."""

    rev: Rev
    items: list[CommitSummary]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]
    oldest_rev: Rev


UPKEEP, OTHER = "upkeep", "other"

_BELOW_APP = {"revisions": "revision", "envs": "envset", "proctypes": "proctype"}
_FIRST = {
    "instances": "instance",
    "services": "service",
    "runners": "runner",
    "members": "member",
    "revert": "revert",
    "apply": "apply",
    "import": "import",
    "commits": "undo",
}

ASKED_KINDS = (
    *(
        "app",
        "revision",
        "envset",
        "proctype",
        "scale",
        "instance",
        "service",
        "endpoint",
        "runner",
        "member",
    ),
    *("revert", "apply", "import", "undo", OTHER, UPKEEP),
)
"""What commits are counted by: the kind of thing that was asked to change."""


def asked_kind(actor: str, request: str) -> str:
    """What a commit was asked for, by its request alone: a commit has one, however much it changes."""
    _, slash, path = request.partition(" /")
    if not slash:
        return UPKEEP if actor == OWN else OTHER
    segments = path.split("/")
    if segments[0] == "apps":
        if len(segments) > 4 and segments[4] == "scale":
            return "scale"
        return _BELOW_APP.get(segments[2], "app") if len(segments) > 2 else "app"
    if segments[0] == "services" and len(segments) > 2:
        return "endpoint"
    return _FIRST.get(segments[0], OTHER)


class Bucket(Model):
    """How many commits there were after `from_at` and up to `to_at`."""

    from_at: Timestamp
    to_at: Timestamp
    total: int
    counts: Annotated[
        dict[str, int],
        Field(
            description="By the kind that the request named (app, revision, instance, ..), or by the "
            "request: revert, apply, undo, import.",
            examples=[{"app": 2, "instance": 17}],
        ),
    ]


class Timeline(Model):
    """How many commits were made when. The service's own upkeep is not counted."""

    rev: Rev
    items: list[Bucket]
