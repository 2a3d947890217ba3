"""Calls on one instance that come at once, on etcd: they share transactions; each sees those before it."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from app.models.instance import LockRequest, Unclaim
from app.registry import claims, locks
from app.store.contract import Changes, Outcome, Rule
from app.store.etcd import writer
from app.store.records import Origin
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import events_after, replicas


def test_a_claim_and_a_lock_that_come_at_once_are_both_made_and_each_rev_shows_its_own_state(
    etcd: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a claim that is given back in the same breath is pending again. On each replica, also on one that
    starts later."""
    monkeypatch.setattr(writer, "TURN", 60.0)
    with replicas(etcd.endpoints, tmp_path.name) as (here, there):
        here.runnable()
        first, second, before = here.ticket(), here.ticket(), here.rev
        rules: list[Rule] = [
            # One goes out alone, at once; the others wait for it and make the next groups.
            lambda snapshot, at: Changes(puts={"service/a": b'{"name":"a"}'}),
            partial(claims.claim, id=first, host="10.0.0.1"),
            partial(claims.claim, id=second, host="10.0.0.2"),
            partial(locks.lock, id=first, body=LockRequest(client="me", reason="look")),
            partial(claims.unclaim, id=second, body=Unclaim(host="10.0.0.2")),
        ]

        async def at_once() -> list[Outcome]:
            transact = here.context.store.transact
            return await asyncio.gather(*(transact(rule, Origin("t", "TEST /")) for rule in rules))

        revs = [outcome.rev for outcome in here.inside(at_once())]
        assert revs == sorted(revs)
        types = [event["type"] for event in events_after(here, before) if "instance" in event]
        assert types == ["instance-claim", "instance-claim", "instance-lock", "instance-unclaim"]
        wanted = [("claimed", None), ("claimed", None), ("claimed", "me"), ("pending", None)]
        with replicas(etcd.endpoints, tmp_path.name, 1, memory_revs=1) as (late,):
            for visor in (here, there, late):
                for rev, id, (status, client) in zip(revs[1:], (first, second) * 2, wanted, strict=True):
                    shown = visor.get(f"/instances/{id}?rev={rev}").json()
                    assert (shown["status"], shown["lock"] and shown["lock"]["client"]) == (status, client)
                    assert shown["rev"] == rev
            assert events_after(late) == events_after(there)
