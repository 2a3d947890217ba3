"""Tickets: what they need, their ids, and what stays when they are done."""

import json
from typing import Any

import pytest

from app.errors import InvalidRequest, InvalidState, NotFound
from app.models import codec, keys
from app.models.base import rfc3339
from app.models.instance import Ended, InstanceCreate
from app.models.revision import RevisionCreate
from app.registry import revisions, tickets
from app.registry.state import find
from tests.unit.life_registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


@pytest.mark.parametrize("field", ["app", "proctype", "revision", "env"])
def test_a_ticket_names_what_is_there_or_the_field_that_is_not(registry: Registry, field: str) -> None:
    said: dict[str, Any] = {"app": "cat", "proctype": "web", "revision": "r1", "env": "e1", field: "nothere"}
    with pytest.raises(InvalidRequest) as refused:
        tickets.register(registry, registry.at, InstanceCreate(**said))
    assert refused.value.members["errors"][0]["loc"] == ["body", field]


def test_what_belongs_to_another_app_is_not_there(registry: Registry) -> None:
    registry.runnable("dog", "worker", "r2", "e2")
    for field, value in (("proctype", "worker"), ("revision", "r2"), ("env", "e2")):
        said: dict[str, Any] = {"app": "cat", "proctype": "web", "revision": "r1", field: value}
        with pytest.raises(InvalidRequest) as refused:
            tickets.register(registry, registry.at, InstanceCreate(**said))
        assert refused.value.members["errors"][0]["loc"] == ["body", field]


def test_only_an_accepted_revision_can_be_run(registry: Registry) -> None:
    registry.run(revisions.register, "cat", RevisionCreate(ref="r2"))
    with pytest.raises(InvalidState):
        registry.ticket(ref="r2")


def test_a_new_ticket_is_pending_and_nobodys(registry: Registry) -> None:
    at = registry.at
    id = registry.ticket(env="e1")
    made = registry.instance(id).model_dump(exclude={"rev", "created_rev"})
    times = ("created_at", "updated_at", "registered_at")
    assert {name: value for name, value in made.items() if value is not None} == {
        **dict.fromkeys(times, rfc3339(at)),
        "id": 1,
        "app": "cat",
        "proctype": "web",
        "revision": "r1",
        "env": "e1",
        "status": "pending",
        "claims": [],
        "restarts": {"fail": 0, "oom": 0},
    }


def test_ids_ascend_and_are_never_given_again(registry: Registry) -> None:
    given = [registry.ticket() for _ in range(3)]
    for id in given:
        registry.say("unregister", id)
        del registry.records[keys.instance(id)]  # its ended entry is dropped too
    given += [registry.ticket() for _ in range(3)]
    assert given == [1, 2, 3, 4, 5, 6]


def test_what_is_done_leaves_its_ended_entry(registry: Registry) -> None:
    id = registry.ticket(env="e1")
    registry.say("claim", id)
    at = registry.at
    registry.say("unregister", id, client="deployer", reason="old")
    entry = find(registry, keys.instance(id), Ended)
    assert entry is not None
    assert entry.model_dump(include={"id", "app", "proctype", "revision", "env", "status"}) == {
        "id": id,
        "app": "cat",
        "proctype": "web",
        "revision": "r1",
        "env": "e1",
        "status": "claimed",
    }
    assert (entry.client, entry.reason, entry.at) == ("deployer", "old", at)
    assert (entry.rev, entry.created_rev) == (registry.rev, registry.records[keys.instance(id)].created_rev)
    assert keys.is_ended(registry.records[keys.instance(id)].value)
    assert tickets.find_live(registry, id) is None
    with pytest.raises(InvalidState) as refused:
        registry.say("claim", id)
    assert refused.value.members["state"] == "done"
    with pytest.raises(NotFound):
        registry.say("unregister", id)


def test_an_instance_without_a_reason_or_with_one_that_looks_like_an_entry_is_no_ended_entry(
    registry: Registry,
) -> None:
    id = registry.ticket_in("running")
    registry.say("fail", id, reason='{"ended":true,')
    record = registry.records[keys.instance(id)]
    assert not keys.is_ended(record.value)
    assert b'"claim_rev":' in codec.wire(record)
    assert registry.instance(id).reason == '{"ended":true,'


@pytest.mark.parametrize("character", ["x", "\x01", "\u20ac", "\U0001f40e", '"'])
@pytest.mark.parametrize("said_by", ["unregister", "fail"])
def test_a_reason_in_the_ended_list_is_bounded_by_bytes(
    registry: Registry, character: str, said_by: str
) -> None:
    """A thousand entries of 24 KB would be kept for a month, of each proctype."""
    reason = "why: " + character * 4000
    id = registry.ticket_in("running")
    if said_by == "fail":
        registry.say("fail", id, reason=reason)
        registry.say("unregister", id)
    else:
        registry.say("unregister", id, reason=reason)
    entry = find(registry, keys.instance(id), Ended)
    assert entry is not None
    assert entry.reason is not None
    assert entry.reason.endswith("\u2026")
    assert reason.startswith(entry.reason[:-1])
    assert 1000 < len(json.dumps(entry.reason, ensure_ascii=False).encode()) <= tickets.MAX_ENDED_REASON + 2
    assert len(registry.records[keys.instance(id)].value) < 2048


def test_a_reason_that_fits_is_kept_whole(registry: Registry) -> None:
    id = registry.ticket()
    registry.say("unregister", id, reason="x" * tickets.MAX_ENDED_REASON)
    entry = find(registry, keys.instance(id), Ended)
    assert entry is not None
    assert entry.reason == "x" * tickets.MAX_ENDED_REASON
