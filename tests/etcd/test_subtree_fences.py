"""A rule that has read a set runs again when another replica changes the set meanwhile: nobody's change is
lost.

etcd guards keys, not sets: what is declared below an app or a service has a key that stands for it.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest

from app.models import fences, keys
from app.models.app import AppCreate
from app.models.envset import EnvSetCreate
from app.models.proctype import ProctypeCreate
from app.models.revision import Ratification, RevisionCreate
from app.models.service import EndpointCreate, ServiceCreate
from app.registry import apps, env, envsets, proctypes, revisions, services
from app.registry.readable import index
from app.store.contract import Changes, Fences, Rule, Snapshot
from app.store.etcd.client.client import EtcdClient
from app.store.etcd.sending import Sender
from app.store.etcd.store import EtcdStore
from app.store.records import Origin
from app.store.snapshots import scan
from tests.etcd.cluster import Cluster

ORIGIN = Origin("tester", "TEST /sets")
URL = "https://archive.example.com/x"


def app(name: str) -> Rule:
    return lambda s, at: apps.register(s, at, AppCreate(name=name, repo_url="https://x", stack="s"))


def revision(ref: str) -> Rule:
    return lambda s, at: revisions.register(s, at, "cat", RevisionCreate(ref=ref))


def env_set(ref: str) -> Rule:
    return lambda s, at: envsets.register(s, at, "cat", EnvSetCreate(ref=ref, vars={}))


def proctype(name: str) -> Rule:
    return lambda s, at: proctypes.register(s, at, "cat", ProctypeCreate(name=name))


def service(name: str) -> Rule:
    return lambda s, at: services.register(s, at, ServiceCreate(name=name))


def endpoint(port: int) -> Rule:
    body = EndpointCreate(addr="10.0.0.7", port=port)
    return lambda s, at: services.register_endpoint(s, at, "dns", body, "10.0.0.7")


def variable(value: str) -> Rule:
    return lambda s, at: env.patch(s, at, "cat", {"moo": value})


def ratified(s: Snapshot, at: datetime) -> Changes:
    return revisions.ratify(s, at, "cat", "r0", Ratification(archive_url=URL))


MADE = [app("cat"), service("dns"), revision("r0"), env_set("e0"), proctype("p0"), endpoint(80)]

CHANGES: dict[str, tuple[str, Rule]] = {
    "a revision comes": (keys.revisions_of("cat"), revision("r1")),
    "a revision changes": (keys.revisions_of("cat"), ratified),
    "a revision goes": (keys.revisions_of("cat"), lambda s, at: revisions.purge(s, at, "cat", "r0")),
    "an env set comes": (keys.envsets_of("cat"), env_set("e1")),
    "an env set goes": (keys.envsets_of("cat"), lambda s, at: envsets.unregister(s, at, "cat", "e0")),
    "a proctype comes": (keys.proctypes_of("cat"), proctype("p1")),
    "a proctype goes": (keys.proctypes_of("cat"), lambda s, at: proctypes.unregister(s, at, "cat", "p0")),
    "an endpoint comes": (keys.endpoints_of("dns"), endpoint(81)),
    "an app comes": (keys.APPS, app("dog")),
    "an app changes": (keys.APPS, variable("1")),
    "an app goes": (keys.APPS, lambda s, at: apps.unregister(s, at, "cat")),
    "a service comes": (keys.SERVICES, service("web")),
    "a service goes": (keys.SERVICES, lambda s, at: services.unregister(s, at, "dns")),
    "a revision of any app comes": (keys.REVISIONS, revision("r1")),
    "a proctype of any app comes": (keys.PROCTYPES, proctype("p1")),
}


@pytest.fixture
async def opened(etcd: Cluster, tmp_path: Path) -> AsyncIterator[Callable[[], EtcdStore]]:
    made: list[EtcdStore] = []

    def build() -> EtcdStore:
        made.append(
            EtcdStore(
                lambda: EtcdClient(etcd.endpoints),
                f"{tmp_path}/".lstrip("/"),
                index,
                Fences(fences.of_term, fences.of_key),
                history=1000,
                memory_revs=1000,
            )
        )
        return made[-1]

    yield build
    for store in made:
        await store.close()


def picture_of(snapshot: Snapshot, term: str) -> str:
    return " ".join(f"{record.key}={record.value.decode()}" for record in scan(snapshot, term))


@pytest.mark.parametrize("what", CHANGES)
async def test_who_has_read_a_set_sees_what_another_replica_makes_of_it_meanwhile(
    opened: Callable[[], EtcdStore], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    term, change = CHANGES[what]
    one, other = opened(), opened()
    await one.open()
    await other.open()
    for rule in MADE:
        await one.transact(rule, ORIGIN)
    seen: list[str] = []

    def judge(snapshot: Snapshot, at: datetime) -> Changes:
        """It writes what it has made of a set, to a key of its own: nothing but the set could have it
        lose."""
        seen.append(picture_of(snapshot, term))
        return Changes(puts={"scaling/judged": b'{"seen":%d}' % len(seen)})

    send = Sender.send
    disturbed = False

    async def sent(self, *given):
        nonlocal disturbed
        if not disturbed:
            disturbed = True
            await other.transact(change, ORIGIN)
        return await send(self, *given)

    monkeypatch.setattr(Sender, "send", sent)
    made = await one.transact(judge, ORIGIN)
    [commit] = [
        each
        for each in await one.commits(0 if one.oldest_rev == 0 else one.oldest_rev, 100)
        if each.rev == made.rev
    ]
    assert commit.changes
    before = await one.at(made.rev - 1)
    assert seen[-1] == picture_of(before, term), "what it was judged by is not what was there"
    assert len(seen) == 2


async def test_writes_of_instances_do_not_disturb_who_reads_what_is_declared() -> None:
    """They are the hot path: they put no fence of an app."""
    assert fences.of_key(keys.instance(1)) is None
    assert {fences.of_term(t) for t in ("instance/?status=running", "instance/?host=10.0.0.7")} == {None}


async def test_the_fence_of_an_app_goes_with_it(opened: Callable[[], EtcdStore], etcd: Cluster) -> None:
    """Else what was ever registered would be kept for ever."""
    store = opened()
    await store.open()
    for rule in MADE:
        await store.transact(rule, ORIGIN)
    fences = etcd.ctl("get", "--prefix", f"{store._prefix}fence/", "--keys-only")
    assert {"fence/app/cat", "fence/service/dns"} <= {
        line.removeprefix(store._prefix) for line in fences.splitlines()
    }
    await store.transact(lambda s, at: apps.unregister(s, at, "cat"), ORIGIN)
    await store.transact(lambda s, at: services.unregister(s, at, "dns"), ORIGIN)
    fences = etcd.ctl("get", "--prefix", f"{store._prefix}fence/", "--keys-only")
    assert not [line for line in fences.splitlines() if line.endswith(("/app/cat", "/service/dns"))]
