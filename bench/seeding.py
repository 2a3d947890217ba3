"""Makes a store of a given size in a file, with the content that the service itself would have written.

    python -m bench.seeding FILE --apps 1000 --instances 100000 --revs 1000000

Each commit is what one of the registry's own rules has made of the commits before it, kept by the store's
own log; what is left out is HTTP, and the wait for the disk after each write. The same sizes give the same
store, but for its times: they end now.
"""

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.models import codec, key_terms, keys
from app.models.app import AppCreate
from app.models.envset import EnvSetCreate
from app.models.instance import (
    ACTIVE,
    Claimer,
    Failure,
    Instance,
    InstanceCreate,
    LockRequest,
    Restart,
    RestartReason,
    Start,
    Status,
    Unclaim,
)
from app.models.member import MemberKind, MemberSet
from app.models.proctype import ProctypeCreate
from app.models.revision import RevisionCreate
from app.models.runner import RunnerCreate
from app.models.scale import ScaleTarget
from app.models.service import EndpointCreate, ServiceCreate
from app.registry import (
    apps,
    claims,
    env,
    envsets,
    life,
    locks,
    members,
    proctypes,
    revisions,
    runners,
    scale,
    services,
    tickets,
)
from app.registry.idempotency import IdempotentCall, once
from app.store.contract import Changes
from app.store.embedded.group import make_commit
from app.store.history import History
from app.store.overlay import Draft
from app.store.records import Commit, Journal
from app.store.sqlite.log import SqliteLog
from app.store.window import Window

PROCTYPES = ("web", "worker")
HOSTED = 50
"""Instances on one host."""

INTERVAL = timedelta(microseconds=100_037)
"""Between two commits."""

GROUP = 2_000
"""Commits in one transaction of the file."""

RUNNERS = 100
"""Hosts that tell of a runner, at most."""

DEPLOYER = "deploy-bot"
_ACTORS = ("anonymous", DEPLOYER, "scheduler-1", "scheduler-2")

FINAL = frozenset(Status) - ACTIVE


def seed(path: Path, *, apps: int, instances: int, revs: int) -> None:
    """Make the store, whose last rev is `revs`: apps with everything that an app has, as many instances that
    are not done, and a history of what became of them. Raises ValueError where so few revs cannot have
    made so many things, FileExistsError."""
    if path.exists():
        raise FileExistsError(path)
    log = SqliteLog(path)
    try:
        log.open(key_terms.index, Window(0))
        with _without_collections():
            platform = _Platform(log, revs)
            platform.build(apps, instances)
            platform.live()
    finally:
        log.close()


@contextmanager
def _without_collections() -> Iterator[None]:
    """Nothing here is garbage by a cycle, and looking for it in a million objects is most of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def app_name(number: int) -> str:
    return f"app-{number:05d}"


def ref_name(number: int) -> str:
    return sha256(app_name(number).encode()).hexdigest()[:12]


def envset_name(number: int) -> str:
    return f"prod-{number}"


def share(whole: int, place: int, parts: int) -> int:
    """The part of `whole` that falls to one of so many places: all parts together are the whole."""
    return whole * (place + 1) // parts - whole * place // parts


class _Platform:
    """Writes the commits of a platform's life, up to a rev."""

    def __init__(self, log: SqliteLog, revs: int) -> None:
        self._log = log
        self._revs = revs
        self._history = History(key_terms.index, Window(0))
        self._unkept: list[Commit] = []
        self._random = random.Random(revs)
        self._began = datetime.now(UTC) - INTERVAL * revs
        self._apps = 0
        self._hosts: list[str] = []
        self._ids: list[int] = []

    def _commit(self, request: str, rule: Callable[..., Changes], *given: Any, actor: str = "") -> Changes:
        """Commit what a rule of the registry makes of `given`."""
        rev = self._history.rev + 1
        if rev > self._revs:
            raise ValueError(f"{self._revs} revs are too few for so many apps and instances")
        at = self._began + INTERVAL * rev
        draft = Draft(self._history)
        changes = rule(draft, at, *given)
        journal = Journal(at, actor or self._random.choice(_ACTORS), request)
        commit = make_commit(draft, changes, journal)
        self._history.apply(commit)
        self._unkept.append(commit)
        if len(self._unkept) >= GROUP or rev == self._revs:
            self._log.append(self._unkept, 0)
            self._unkept = []
            while self._log.untidy:
                self._log.tidy()
        return changes

    def build(self, apps: int, instances: int) -> None:
        """Register everything, by as few commits as the service takes for it."""
        self._apps = apps
        self._hosts = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(instances // HOSTED + 1)]
        for number in range(apps):
            self._register_app(number)
        for number in range(apps // 10 + 1):
            self._register_service(number)
        for number, kind in enumerate(MemberKind):
            addr = f"10.255.0.{number}" + (":514" if kind is MemberKind.LOGGERS else "")
            self._commit(f"PUT /members/{kind}/{addr}", members.put, kind, addr, MemberSet(version="1.4.2"))
        for number, host in enumerate(self._hosts[:RUNNERS], start=1):
            runner = RunnerCreate(addr=f"{host}:9000", instance_id=number)
            self._commit("POST /runners", runners.register, runner)
        pools = [(number, proctype) for number in range(apps) for proctype in PROCTYPES]
        for place, (number, proctype) in enumerate(pools):
            self._scale(number, proctype, share(instances, place, len(pools)))

    def _register_app(self, number: int) -> None:
        app, ref = app_name(number), ref_name(number)
        database = f"postgres://db-{number % 7}.example.com/{app}"
        body = AppCreate(
            name=app,
            repo_url=f"https://git.example.com/{app}.git",
            stack="lenny",
            env={"DB_URL": database, "LOG_LEVEL": "info"},
        )
        self._commit("POST /apps", apps.register, body, actor=DEPLOYER)
        revision = RevisionCreate(ref=ref, archive_url=f"https://archive.example.com/{app}/{ref}.img")
        self._commit(f"POST /apps/{app}/revisions", revisions.register, app, revision, actor=DEPLOYER)
        envset = EnvSetCreate(ref=envset_name(number), vars={"WORKERS": "4", "REGION": "eu-west-1"})
        self._commit(f"POST /apps/{app}/envs", envsets.register, app, envset, actor=DEPLOYER)
        for name in PROCTYPES:
            body_of_proctype = ProctypeCreate(name=name)
            self._commit(
                f"POST /apps/{app}/proctypes", proctypes.register, app, body_of_proctype, actor=DEPLOYER
            )

    def _register_service(self, number: int) -> None:
        service = f"service-{number:04d}"
        self._commit("POST /services", services.register, ServiceCreate(name=service))
        endpoint = EndpointCreate(addr=f"10.254.{number >> 8 & 255}.{number & 255}", port=11211)
        request = f"POST /services/{service}/endpoints"
        self._commit(request, services.register_endpoint, service, endpoint, endpoint.addr)

    def _scale(self, number: int, proctype: str, count: int) -> None:
        """As the service scales: at most a hundred instances by one commit."""
        app = app_name(number)
        envset = envset_name(number) if proctype == "web" else None
        target = ScaleTarget(revision=ref_name(number), env=envset, count=count)
        request, run = f"PUT /apps/{app}/proctypes/{proctype}/scale", f"{number:032x}"
        first, done = True, count == 0
        while not done:
            changes = self._commit(request, scale.step, app, proctype, target, run, first, actor=DEPLOYER)
            self._ids += changes.result.started
            first, done = False, changes.result.done

    def live(self) -> None:
        """Go on to the last rev: variables are set, and instances go through their lives."""
        while self._history.rev < self._revs:
            if self._random.random() < 0.25 or not self._ids:
                self._set_variable()
            else:
                self._go_on(self._random.randrange(len(self._ids)))

    def _set_variable(self) -> None:
        app, key = app_name(self._random.randrange(self._apps)), f"FLAG_{self._random.randrange(5)}"
        value = f"{self._random.getrandbits(64):016x}"
        self._commit(f"PUT /apps/{app}/env/{key}", env.patch, app, {key: value})

    def _go_on(self, place: int) -> None:
        """The next call in the life of one of the instances, or another in its place."""
        id = self._ids[place]
        record = self._history.get(keys.instance(id), self._history.rev)
        assert record is not None, "it was registered"
        instance = codec.decode(record, Instance)
        if instance.status in FINAL:
            self._commit(f"DELETE /instances/{id}", tickets.unregister, id, "scheduler-1", None)
            if self._history.rev < self._revs:
                self._ids[place] = self._register()
        elif instance.status is Status.RUNNING:
            self._run(instance)
        else:
            self._hold(instance, self._hosts[id % len(self._hosts)])

    def _register(self) -> int:
        """A new ticket, by an idempotent call."""
        number = self._random.randrange(self._apps)
        body = InstanceCreate(app=app_name(number), revision=ref_name(number), proctype="worker")
        digest = sha256(self._random.randbytes(16)).hexdigest()
        call = IdempotentCall(digest, sha256(body.model_dump_json().encode()).hexdigest())
        changes = self._commit("POST /instances", once(call, lambda s, at: tickets.register(s, at, body)))
        assert changes.answer is not None, "a ticket is answered with itself"
        return int(changes.answer.removeprefix(keys.INSTANCES))

    def _hold(self, instance: Instance, host: str) -> None:
        """A host claims the instance, starts it, and ends it."""
        id, chance = instance.id, self._random.random()
        path = f"POST /instances/{id}"
        if instance.status is Status.PENDING:
            self._commit(f"{path}/claim", claims.claim, id, host)
        elif instance.status is Status.CLAIMED and chance < 0.1:
            self._commit(f"{path}/unclaim", claims.unclaim, id, Unclaim(host=host, error="no room left here"))
        elif instance.status is Status.CLAIMED:
            start = Start(
                host=host, hostname=f"box-{host.replace('.', '-')}.example.com", port=20_000 + id % 10_000
            )
            self._commit(f"{path}/start", life.start, id, start)
        elif chance < 0.2:
            self._commit(f"{path}/fail", life.fail, id, Failure(host=host, reason="exit code 137"))
        else:
            self._commit(f"{path}/exit", life.exit, id, Claimer(host=host))

    def _run(self, instance: Instance) -> None:
        """What becomes of an instance that runs."""
        id, chance = instance.id, self._random.random()
        if instance.lock is not None:
            self._commit(f"DELETE /instances/{id}/lock", locks.unlock, id)
        elif chance < 0.2:
            self._commit(f"POST /instances/{id}/stop", life.stop, id)
        elif chance < 0.3:
            wish = LockRequest(client="operator", reason="a look at its memory")
            self._commit(f"PUT /instances/{id}/lock", locks.lock, id, wish)
        else:
            restart = Restart(reason=RestartReason.OOM if chance < 0.5 else RestartReason.FAIL)
            self._commit(f"POST /instances/{id}/restart", life.restart, id, restart)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.seeding", description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="the store to make; must not exist")
    parser.add_argument("--apps", type=int, default=1_000)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--revs", type=int, default=1_000_000)
    given = parser.parse_args(argv)
    began = time.monotonic()
    seed(given.file, apps=given.apps, instances=given.instances, revs=given.revs)
    seconds, size = time.monotonic() - began, given.file.stat().st_size
    sys.stdout.write(f"{given.file}: {given.revs} revs, {size / 1e6:.0f} MB, in {seconds:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
