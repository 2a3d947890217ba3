"""What upkeep drops: ended entries that are old, too many or nobody's, and kept answers of yesterday."""

from datetime import timedelta

import pytest

from app.models import codec, keys
from app.models.instance import Ended
from app.models.revision import RevisionCreate
from app.registry import proctypes, revisions, upkeep
from app.registry.idempotency import IdempotentCall, once
from app.registry.upkeep import BATCH, ENDED_KEPT
from tests.unit.life_registry import Registry

CALL = IdempotentCall("d1", "f1")


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


def end(registry: Registry, proctype: str = "web") -> int:
    id = registry.ticket(proctype=proctype)
    registry.say("unregister", id)
    return id


def shown(registry: Registry, proctype: str = "web") -> list[int]:
    return [codec.decode(r, Ended).id for r in upkeep.ended_of(registry, "cat", proctype)]


def drop_old(registry: Registry, term: str = keys.ENDED) -> None:
    after: str | None = ""
    while after is not None:
        old, after = upkeep.page_of_old(registry, registry.at, term, after)
        registry.run(upkeep.drop, old)


def test_an_ended_entry_goes_after_thirty_days_and_not_before(registry: Registry) -> None:
    first = end(registry)
    registry.at += timedelta(days=15)
    second = end(registry)
    entry = codec.decode(registry.records[keys.instance(first)], Ended)
    registry.at = entry.at + timedelta(days=30) - timedelta(microseconds=1)
    drop_old(registry)
    assert shown(registry) == [first, second]
    registry.at = entry.at + timedelta(days=30)
    drop_old(registry)
    assert shown(registry) == [second]
    assert keys.instance(first) not in registry.records


def test_the_newest_thousand_of_each_proctype_are_kept(registry: Registry) -> None:
    registry.runnable("cat", "worker")
    others = [end(registry, "worker") for _ in range(3)]
    ids = [end(registry) for _ in range(ENDED_KEPT)]
    assert upkeep.too_many(registry) == []
    ids += [end(registry) for _ in range(BATCH + 5)]
    # What is shown is right at once, whenever the surplus is dropped.
    assert shown(registry) == ids[-ENDED_KEPT:]
    sizes = []
    while surplus := upkeep.too_many(registry):
        sizes.append(len(surplus))
        registry.run(upkeep.drop, surplus)
    assert sizes == [BATCH, 5]
    assert registry.count(keys.ENDED) == ENDED_KEPT + len(others)
    assert shown(registry) == ids[-ENDED_KEPT:]
    assert shown(registry, "worker") == others


def test_entries_of_an_earlier_proctype_of_the_name_are_not_shown_and_go(registry: Registry) -> None:
    old = end(registry)
    kept = registry.ticket()
    registry.say("claim", kept)
    registry.say("exit", kept)
    registry.run(proctypes.unregister, "cat", "web")
    assert shown(registry) == []
    registry.runnable()
    registry.say("unregister", kept)  # it was of the earlier proctype too
    new = end(registry)
    assert shown(registry) == [new]
    drop_old(registry)
    assert keys.instance(old) not in registry.records
    assert keys.instance(kept) not in registry.records
    assert shown(registry) == [new]


def test_live_instances_are_never_dropped(registry: Registry) -> None:
    id = registry.ticket_in("exited")
    registry.at += timedelta(days=400)
    before = registry.rev
    drop_old(registry)
    registry.run(upkeep.drop, [keys.instance(id), keys.app("cat"), keys.instance(99)])
    assert registry.instance(id).status == "exited"
    assert keys.app("cat") in registry.records
    assert registry.rev == before, "nothing to drop is no commit"


def test_a_kept_answer_goes_after_a_day_and_not_when_it_was_used_again(registry: Registry) -> None:
    def propose(ref: str) -> None:
        registry.run(once(CALL, lambda s, at: revisions.register(s, at, "cat", RevisionCreate(ref=ref))))

    propose("k1")
    at = registry.at - timedelta(seconds=1)
    registry.at = at + timedelta(hours=24) - timedelta(microseconds=1)
    drop_old(registry, keys.IDEMPOTENCY)
    assert keys.idempotency("d1") in registry.records
    registry.at = at + timedelta(hours=24)
    old, _ = upkeep.page_of_old(registry, registry.at, keys.IDEMPOTENCY, "")
    propose("k2")  # the key is used anew between the look and the drop
    registry.run(upkeep.drop, old)
    assert keys.idempotency("d1") in registry.records
    registry.at += timedelta(hours=24)
    drop_old(registry, keys.IDEMPOTENCY)
    assert keys.idempotency("d1") not in registry.records
