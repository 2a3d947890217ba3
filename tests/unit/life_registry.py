"""A registry as plain data, on which the rules of instances run one after the other."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.models import codec, key_terms, keys
from app.models.app import AppCreate
from app.models.envset import EnvSetCreate
from app.models.instance import (
    Claimer,
    Failure,
    Instance,
    InstanceCreate,
    LockRequest,
    Loss,
    Restart,
    Start,
    Unclaim,
)
from app.models.proctype import ProctypeCreate
from app.models.revision import RevisionCreate
from app.registry import apps, claims, envsets, life, locks, proctypes, revisions, tickets
from app.store.contract import Changes
from app.store.records import Record
from tests.http.life.life_table import BODIES, HOST, WAYS

START = datetime(2026, 1, 1, tzinfo=UTC)
ARCHIVE = "https://archive.example.com/cat/1.img"


class Registry:
    """A snapshot that `run` moves on: a dictionary, a rev and a clock that goes a second a commit."""

    blocking = False

    def __init__(self) -> None:
        self.rev = 0
        self.at = START
        self.records: dict[str, Record] = {}

    def get(self, key: str) -> Record | None:
        return self.records.get(key)

    def find(
        self,
        groups: Sequence[Collection[str]],
        *,
        after: str = "",
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Record]:
        records = [record for _, record in sorted(self.records.items(), reverse=reverse)]
        found = [r for r in records if all(set(group) & set(r.terms) for group in groups)]
        return [record for record in found if reverse or record.key > after][:limit]

    def count(self, term: str) -> int:
        return len(self.find(((term,),)))

    count_about = count

    def run(self, rule: Callable[..., Changes], *args: Any, **more: Any) -> Changes:
        """Commit what the rule wants. What it raises is raised, and nothing is changed."""
        before = dict(self.records)
        changes = rule(self, self.at, *args, **more)
        assert self.records == before, "a rule changes nothing itself"
        if changes.empty:
            return changes
        self.rev += 1
        self.at += timedelta(seconds=1)
        for key in {k for k in self.records if k in changes.deletes or k.startswith(tuple(changes.prefixes))}:
            del self.records[key]
        for key, value in changes.puts.items():
            old = before.get(key)
            created = old.created_rev if old else self.rev
            self.records[key] = Record(key, value, created, self.rev, terms=key_terms.index(key, value))
        return changes

    def runnable(self, app: str = "cat", proctype: str = "web", ref: str = "r1", env: str = "e1") -> None:
        """An app with an accepted revision, an env set and a proctype; what is there already stays."""
        if keys.app(app) not in self.records:
            self.run(apps.register, AppCreate(name=app, repo_url="https://git.example.com/x", stack="s"))
        if keys.revision(app, ref) not in self.records:
            self.run(revisions.register, app, RevisionCreate(ref=ref, archive_url=ARCHIVE))
        if keys.envset(app, env) not in self.records:
            self.run(envsets.register, app, EnvSetCreate(ref=env, vars={}))
        if keys.proctype(app, proctype) not in self.records:
            self.run(proctypes.register, app, ProctypeCreate(name=proctype))

    def ticket(self, app: str = "cat", proctype: str = "web", ref: str = "r1", env: str | None = None) -> int:
        body = InstanceCreate(app=app, proctype=proctype, revision=ref, env=env)
        key = self.run(tickets.register, body).answer
        assert key is not None
        return int(key.removeprefix(keys.INSTANCES))

    def ticket_in(self, state: str) -> int:
        """A new ticket, brought into a state of the table."""
        id = self.ticket()
        for call in WAYS[state]:
            self.say(call, id)
        return id

    def instance(self, id: int) -> Instance:
        return codec.decode(self.records[keys.instance(id)], Instance)

    def say(self, call: str, id: int, **fields: Any) -> Changes:
        """One of the table's calls, with its body and these fields."""
        said: dict[str, Any] = {**(BODIES[call] or {}), **fields}
        if call == "claim":
            return self.run(claims.claim, id, said.get("host", HOST))
        if call == "unregister":
            return self.run(tickets.unregister, id, said.get("client"), said.get("reason"))
        rule, model = _RULES[call]
        return self.run(rule, id, *([model(**said)] if model else []))


_RULES: dict[str, tuple[Callable[..., Changes], Any]] = {
    "unclaim": (claims.unclaim, Unclaim),
    "start": (life.start, Start),
    "stop": (life.stop, None),
    "exit": (life.exit, Claimer),
    "fail": (life.fail, Failure),
    "lost": (life.lose, Loss),
    "restart": (life.restart, Restart),
    "lock": (locks.lock, LockRequest),
    "unlock": (locks.unlock, None),
}
