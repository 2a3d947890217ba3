"""A POST said twice with one key is done once: the wrapper around any rule, on plain data."""

from datetime import timedelta

import pytest

from app.errors import AlreadyExists, IdempotencyKeyReused
from app.models import codec, keys
from app.models.app import AppCreate
from app.models.idempotency import IdempotencyRecord
from app.models.instance import InstanceCreate
from app.models.revision import Ratification, RevisionCreate
from app.registry import apps, claims, idempotency, revisions, tickets
from app.registry.idempotency import LIFETIME, IdempotentCall, Replay, once, read, used_bytes
from app.store.contract import Changes
from tests.http.life.life_table import HOST
from tests.unit.life_registry import ARCHIVE, Registry

CALL = IdempotentCall("d1", "f1")


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


def propose(registry: Registry, call: IdempotentCall = CALL, ref: str = "r2") -> Changes:
    return registry.run(once(call, lambda s, at: revisions.register(s, at, "cat", RevisionCreate(ref=ref))))


def test_the_second_call_changes_nothing_and_gives_the_first_answer(registry: Registry) -> None:
    propose(registry)
    first = registry.records[keys.revision("cat", "r2")]
    said, at_rev = codec.wire(first), registry.rev
    # Whatever becomes of it.
    registry.run(revisions.ratify, "cat", "r2", Ratification(archive_url=ARCHIVE))
    registry.run(revisions.purge, "cat", "r2")
    before = registry.rev
    replay = propose(registry).result
    assert isinstance(replay, Replay)
    assert (codec.wire(replay.record), replay.rev, replay.record.rev) == (said, at_rev, at_rev)
    assert registry.rev == before


def register(registry: Registry, name: str, size: int, digest: str) -> Changes:
    body = AppCreate(name=name, repo_url="https://git.example.com/x", stack="s", env={"A": "x" * size})
    return registry.run(once(IdempotentCall(digest, "f"), lambda s, at: apps.register(s, at, body)))


def kept_of(registry: Registry, digest: str) -> IdempotencyRecord:
    kept = read(registry.records[keys.idempotency(digest)])
    assert kept is not None
    return kept


def test_a_large_answer_is_not_kept_twice(registry: Registry) -> None:
    """It is said where and at which rev it is: the history has it."""
    register(registry, "small", 60_000, "small")
    register(registry, "large", 65_536, "large")
    assert len(kept_of(registry, "small").value or "") > 60_000
    assert kept_of(registry, "large").value is None
    assert len(registry.records[keys.idempotency("large")].value) < 512
    replay = register(registry, "large", 65_536, "large").result
    assert replay == Replay(keys.app("large"), registry.records[keys.app("large")].rev, None)


def test_all_records_together_are_bounded_in_bytes(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the bound answers are read from the history, however small; nothing is refused or forgotten."""
    monkeypatch.setattr(idempotency, "MAX_BYTES", 200_000)
    for n in range(20):
        register(registry, f"a{n}", 20_000, f"d{n}")
        assert used_bytes(registry) >= sum(
            len(r.value) for k, r in registry.records.items() if k.startswith(keys.IDEMPOTENCY)
        )
    assert used_bytes(registry) < 200_000 + 20 * 512 + 32_768
    kept = [kept_of(registry, f"d{n}").value is not None for n in range(20)]
    assert kept == sorted(kept, reverse=True)
    assert 3 < sum(kept) < 11
    assert register(registry, "a19", 20_000, "d19").result.rev == registry.rev


@pytest.mark.parametrize("value", [b"no JSON", b"{}", b"[]", b"null", b'{"at":7}', b"\xff", b"[" * 20_000])
def test_a_record_of_another_hand_is_as_good_as_none(registry: Registry, value: bytes) -> None:
    key = keys.idempotency("d1")
    registry.run(lambda s, at: Changes(puts={key: value}))
    assert idempotency.expired(registry.records[key], registry.at)
    assert propose(registry).result is None
    assert isinstance(propose(registry).result, Replay)


def test_the_answer_is_kept_in_the_commit_that_made_it(registry: Registry) -> None:
    before = registry.rev
    propose(registry)
    assert registry.rev == before + 1
    assert registry.records[keys.idempotency("d1")].rev == registry.records[keys.revision("cat", "r2")].rev


def test_the_key_of_another_request_is_refused(registry: Registry) -> None:
    propose(registry)
    with pytest.raises(IdempotencyKeyReused):
        propose(registry, IdempotentCall("d1", "f2"), "r3")
    propose(registry, IdempotentCall("d2", "f2"), "r3")


def test_a_refusal_is_not_kept(registry: Registry) -> None:
    with pytest.raises(AlreadyExists):
        propose(registry, ref="r1")
    registry.run(revisions.purge, "cat", "r1")
    propose(registry, ref="r1")


def test_a_key_lives_a_day(registry: Registry) -> None:
    at = registry.at
    propose(registry)
    registry.at = at + LIFETIME - timedelta(microseconds=1)
    assert isinstance(propose(registry).result, Replay)
    registry.at = at + LIFETIME
    with pytest.raises(AlreadyExists):
        propose(registry)


def test_an_answer_that_needed_no_commit_of_its_own_is_given_again_as_it_was(registry: Registry) -> None:
    id = registry.ticket()
    registry.say("claim", id)
    started = registry.say("start", id)
    assert started.answer is not None
    said = codec.wire(registry.records[keys.instance(id)])
    again = once(CALL, lambda s, at: Changes(answer=keys.instance(id)))
    registry.run(again)
    registry.say("stop", id)
    replay = registry.run(again).result
    assert isinstance(replay, Replay)
    assert codec.wire(replay.record) == said


def test_a_claim_that_is_given_again_has_its_own_token(registry: Registry) -> None:
    id = registry.ticket()
    rule = once(CALL, lambda s, at: claims.claim_next(s, at, HOST, None, None))
    registry.run(rule)
    token = registry.instance(id).claim_rev
    registry.say("unclaim", id)
    registry.say("claim", id)
    replay = registry.run(rule).result
    assert isinstance(replay, Replay)
    assert b'"claim_rev":%d,' % token in codec.wire(replay.record)


def test_a_queue_that_gave_nothing_is_asked_again(registry: Registry) -> None:
    rule = once(CALL, lambda s, at: claims.claim_next(s, at, HOST, None, None))
    assert registry.run(rule).answer is None
    id = registry.ticket()
    assert registry.run(rule).answer == keys.instance(id)


def test_a_ticket_is_registered_once(registry: Registry) -> None:
    rule = once(
        CALL, lambda s, at: tickets.register(s, at, InstanceCreate(app="cat", proctype="web", revision="r1"))
    )
    registry.run(rule)
    registry.run(rule)
    assert registry.count(keys.LIVE) == 1
