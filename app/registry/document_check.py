"""What is wrong in a document by itself, whatever there is."""

from collections.abc import Sequence
from typing import Any

from app.models.document import Document
from app.models.service import endpoint_id
from app.registry.planner import Planner, Pointer

_NAMES = ("name", "ref", "addr", "port")


def check_document(planner: Planner, document: Document) -> None:
    """Note what is named twice, and what is said of something that is to be absent."""
    _named(planner, ("apps",), document.apps, lambda item: item.name)
    _named(planner, ("services",), document.services, lambda item: item.name)
    for number, app in enumerate(document.apps):
        place: Pointer = ("apps", number)
        _named(planner, (*place, "env_sets"), app.env_sets, lambda item: item.ref)
        _named(planner, (*place, "revisions"), app.revisions, lambda item: item.ref)
        _named(planner, (*place, "proctypes"), app.proctypes, lambda item: item.name)
        for at, proctype in enumerate(app.proctypes):
            _named(
                planner,
                (*place, "proctypes", at, "scale"),
                proctype.scale,
                lambda count: (count.revision, count.env),
            )
    for number, service in enumerate(document.services):
        inside = ("services", number, "endpoints")
        _named(planner, inside, service.endpoints, lambda endpoint: endpoint_id(endpoint.addr, endpoint.port))


def _named(planner: Planner, place: Pointer, entries: Sequence[Any], name: Any) -> None:
    seen: set[Any] = set()
    for number, entry in enumerate(entries):
        if name(entry) in seen:
            planner.invalid((*place, number), "is named twice: say all of it in one entry")
        seen.add(name(entry))
        if getattr(entry, "absent", False):
            more = sorted(entry.model_fields_set - {"absent", *_NAMES})
            for field in more:
                planner.invalid((*place, number, field), "what is to be absent has nothing else")
