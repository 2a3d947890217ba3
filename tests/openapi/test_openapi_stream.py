"""What a stream carries is what is documented beside it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.models.event import Kind
from app.openapi.story import STORY
from tests.openapi.documented import SCHEMAS, Document, body_of
from tests.serving import Service, serving

EVENT = {"$ref": f"{SCHEMAS}Event"}
MESSAGE = {"$ref": f"{SCHEMAS}StreamMessage"}


def _messages(service: Service, path: str) -> Iterator[tuple[str, Any]]:
    """The type and data of each message of a stream."""
    with service.client.stream("GET", path) as answer:
        assert answer.status_code == 200
        type_ = ""
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                type_ = value
            elif field == "data":
                yield type_, json.loads(value)


@pytest.fixture(scope="module")
def told() -> Iterator[Service]:
    """A service at which the whole story has happened."""
    with serving(bookmark=0.2) as service:
        for step in STORY:
            method, path = step.call.split(" ", 1)
            if method != "GET":
                assert service.client.request(method, path, **body_of(step)).is_success
        yield service


def test_every_event_fits_its_schema(told: Service, document: Document) -> None:
    types = set()
    for type_, data in _messages(told, "/events?rev=0"):
        assert document.errors(MESSAGE, data) == [], data
        if type_ == "bookmark":
            if not types:
                continue  # the first frame: where the stream begins
            break
        assert type_ == data["type"]
        assert document.errors(EVENT, data) == [], data
        types.add(type_)
    mapping = document.content["components"]["schemas"]["Event"]["discriminator"]["mapping"]
    # What the story does not tell: another layout, another hand, and a member that changed.
    assert set(mapping) - types == {"schema-update", "unknown", "member-update"}


def test_so_does_what_comes_before_the_events(told: Service, document: Document) -> None:
    told.runnable()
    told.ticket()
    told.scale(1)
    told.made("/apps/cat/envs", {"ref": "prod", "vars": {}})
    told.made("/services", {"name": "memcached"})
    told.made("/services/memcached/endpoints", {"addr": "10.0.0.7", "port": 1})
    told.made("/runners", {"addr": "10.0.0.7:9000", "instance_id": 1})
    told.put("/members/pms/10.0.0.7", {"version": "1"})
    kinds = set()
    for type_, data in _messages(told, "/events?snapshot=true"):
        assert type_ == data["type"]
        assert document.errors(MESSAGE, data) == [], data
        if type_ == "snapshot-end":
            break
        assert type_ == "snapshot"
        kinds.add(data["kind"])
    assert kinds == set(Kind)


def test_a_lost_place_is_said_as_documented(document: Document) -> None:
    assert document.errors(MESSAGE, {"type": "gone", "oldest_rev": 7}) == []
    assert document.errors(MESSAGE, {"type": "gone"})


def test_the_stream_is_text_and_its_messages_are_referred_to(document: Document) -> None:
    """OpenAPI 3.1 has no word for messages, and what 3.2 has blinds generators: the text says it to
    people, `contentSchema` to those who look."""
    for name in ("get_events", "get_app_events"):
        _, _, operation = document.operations[name]
        content = operation["responses"]["200"]["content"]
        assert content["text/event-stream"]["schema"] == {"type": "string", "contentSchema": MESSAGE}
        assert list(content) == ["text/event-stream"], "one operation of two media types hangs SDKs"
        messages = [
            json.loads(line.removeprefix("data: "))
            for line in content["text/event-stream"]["example"].splitlines()
            if line.startswith("data: ")
        ]
        assert [one["type"] for one in messages] == ["bookmark", "instance-claim", "instance-start"]
        for one in messages:
            assert document.errors(MESSAGE, one) == []
    for name in ("list_events", "list_app_events"):
        _, _, operation = document.operations[name]
        content = operation["responses"]["200"]["content"]
        assert content["application/json"]["schema"] == {"$ref": f"{SCHEMAS}EventPage"}
