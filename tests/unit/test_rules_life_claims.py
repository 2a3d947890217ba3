"""Claims: who holds an instance, the token that proves it, and which ticket is the next."""

import json

import pytest

from app.errors import AlreadyClaimed, NotClaimer
from app.models import keys
from app.registry import claims
from tests.http.life.life_table import CLAIMERS_ONLY, HOST, OTHER
from tests.unit.life_registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.runnable()
    return registry


def test_the_token_is_the_rev_of_the_claim_and_only_grows(registry: Registry) -> None:
    id = registry.ticket()
    tokens = []
    for host in (HOST, OTHER, HOST):
        registry.say("claim", id, host=host)
        token = registry.instance(id).claim_rev
        assert token == registry.rev
        tokens.append(token)
        registry.say("unclaim", id, host=host, claim_rev=token)
        assert registry.instance(id).claim_rev is None
    assert tokens == sorted(set(tokens))


def test_the_token_stays_while_the_claim_does(registry: Registry) -> None:
    id = registry.ticket()
    registry.say("claim", id)
    token = registry.instance(id).claim_rev
    for call in ("start", "lock", "stop", "exit"):
        registry.say(call, id)
        assert registry.instance(id).claim_rev == token


@pytest.mark.parametrize("call", CLAIMERS_ONLY)
def test_a_host_that_slept_through_its_loss_cannot_speak_for_the_next_claim(
    registry: Registry, call: str
) -> None:
    """Not even where the next claim is its own."""
    id = registry.ticket()
    registry.say("claim", id)
    slept = registry.instance(id).claim_rev
    registry.say("unclaim", id)
    # Back in the queue: its token is that of no claim at all.
    with pytest.raises(NotClaimer):
        registry.say(call, id, claim_rev=slept)
    registry.say("claim", id)
    with pytest.raises(NotClaimer):
        registry.say(call, id, claim_rev=slept)
    registry.say(call, id, claim_rev=registry.instance(id).claim_rev)


def test_an_unclaim_keeps_who_had_it_and_the_error(registry: Registry) -> None:
    id = registry.ticket()
    registry.say("claim", id)
    registry.say("unclaim", id, error="no such archive")
    registry.say("claim", id, host="box8.example.com")
    now = registry.instance(id)
    assert [(c.host, c.error) for c in now.claims] == [(HOST, "no such archive"), ("box8.example.com", None)]
    assert (now.host, now.ip) == ("box8.example.com", None)
    registry.say("unclaim", id, host="box8.example.com", error=None)
    now = registry.instance(id)
    assert (now.status, now.host, now.ip, now.claimed_at) == ("pending", None, None, None)


def test_of_many_claims_of_one_ticket_the_newest_hundred_are_remembered(registry: Registry) -> None:
    id = registry.ticket()
    for n in range(103):
        registry.say("claim", id, host=f"10.0.1.{n}")
        registry.say("unclaim", id, host=f"10.0.1.{n}")
    assert [c.host for c in registry.instance(id).claims] == [f"10.0.1.{n}" for n in range(3, 103)]


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f600", "\x01", '"'])
def test_errors_of_claims_take_8_kib_together_the_newest_first(registry: Registry, character: str) -> None:
    """As they are kept, whatever the characters: a short error at each end of long ones, 40 cycles."""
    id = registry.ticket()
    sizes = []
    for n in range(40):
        registry.say("claim", id)
        registry.say("unclaim", id, error=str(n) if n % 2 else f"{n}:" + character * (4096 - len(f"{n}:")))
        sizes.append(len(registry.records[keys.instance(id)].value))
    errors = [entry.error for entry in registry.instance(id).claims]
    assert len(errors) == 40, "who had it is remembered all the same"
    said = [error for error in errors if error is not None]
    assert errors[-len(said) :] == said, "no older error outlives a newer one"
    assert said[-1] == "39"
    assert said[-2].startswith("38:" + character)
    assert 8180 <= sum(len(json.dumps(error, ensure_ascii=False).encode()) - 2 for error in said) <= 8192
    assert max(sizes) < 8192 + 8192, "the object does not grow by what is said of it"


def test_an_error_that_is_too_long_by_itself_is_cut(registry: Registry) -> None:
    id = registry.ticket()
    registry.say("claim", id)
    registry.say("unclaim", id, error="\U0001f600" * 4096)
    [entry] = registry.instance(id).claims
    assert entry.error == "\U0001f600" * 2047 + "\u2026"


def test_of_two_that_claim_the_second_is_told_by_whom_it_is_held(registry: Registry) -> None:
    id = registry.ticket()
    registry.say("claim", id)
    with pytest.raises(AlreadyClaimed) as refused:
        registry.say("claim", id, host=OTHER)
    assert refused.value.members["host"] == HOST


def test_the_next_ticket_is_the_oldest_that_fits(registry: Registry) -> None:
    registry.runnable("cat", "worker")
    registry.runnable("dog", "web")
    made = {
        (app, proctype): registry.ticket(app, proctype)
        for app, proctype in (("dog", "web"), ("cat", "worker"), ("cat", "web"))
    }
    late = registry.ticket("cat", "worker")

    def next_of(app: str | None, proctype: str | None) -> int | None:
        key = claims.claim_next(registry, registry.at, OTHER, app, proctype).answer
        return None if key is None else int(key.removeprefix(keys.INSTANCES))

    assert next_of(None, None) == made["dog", "web"]
    assert next_of("cat", None) == made["cat", "worker"]
    assert next_of("cat", "web") == made["cat", "web"]
    assert next_of(None, "worker") == made["cat", "worker"]
    assert next_of("dog", "worker") is None
    registry.say("claim", made["cat", "worker"])
    assert next_of("cat", "worker") == late
    # A ticket that is given back is as old as it was.
    registry.say("unclaim", made["cat", "worker"])
    assert next_of("cat", "worker") == made["cat", "worker"]


def test_where_no_ticket_fits_nothing_is_changed(registry: Registry) -> None:
    before = registry.rev
    changes = registry.run(claims.claim_next, HOST, None, None)
    assert changes.answer is None
    assert registry.rev == before
