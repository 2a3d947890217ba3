"""The paths of what events tell of, and what is said of it besides when it came to be and was changed."""

from typing import Any

from tests.fault.traffic.record import Told

_WHEN = ("rev", "created_rev", "created_at", "updated_at")


def path_of(event: Told) -> str:
    """The path of its object, as in its URL."""
    kind, *names = event.key
    if kind == "scale":
        app, proctype, revision, env = names
        return f"/apps/{app}/proctypes/{proctype}/scale/{revision}{'/' + env if env else ''}"
    if kind == "member":
        return f"/members/{event.said['kind']}/{names[0]}"
    return "".join(f"/{part}" for part in _SEGMENTS[kind]).format(*names)


_SEGMENTS = {
    "app": ("apps", "{}"),
    "revision": ("apps", "{}", "revisions", "{}"),
    "envset": ("apps", "{}", "envs", "{}"),
    "proctype": ("apps", "{}", "proctypes", "{}"),
    "service": ("services", "{}"),
    "endpoint": ("services", "{}", "endpoints", "{}"),
    "instance": ("instances", "{}"),
    "runner": ("runners", "{}"),
}


def content(event: Told | None) -> dict[str, Any] | None:
    """What the object says, without its revs and times; None where there is none."""
    if event is None:
        return None
    return {name: value for name, value in event.said.items() if name not in _WHEN}
