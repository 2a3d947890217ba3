"""Whether what etcd has continues what was served: asked whenever etcd is reached anew.

An etcd that was restored from an older backup, another one at the same address, or a prefix that was deleted
and begun anew would all answer as if nothing had been. What was served is known again by the registry's id,
by etcd's highest revision that was seen, and by the journal's entry at the revision that is held.
"""

from collections.abc import Callable

from app.store.etcd.client.client import EtcdClient
from app.store.etcd.client.errors import Compacted, EtcdError, FutureRevision
from app.store.etcd.client.requests import Compare
from app.store.etcd.client.revisions import KeyValue
from app.store.etcd.layout import JOURNAL, SCHEMA, SCHEMA_KEY, STORE_KEY
from app.store.troubles import LOST, Troubles

SCHEMA_RAISED = "schema"


class NotContinued(EtcdError):
    """What etcd has does not continue what was served."""


class Continuity:
    """What was served, as far as it is needed to know it again. `troubles` are told when it is lost."""

    def __init__(self, client: EtcdClient, prefix: str, troubles: Troubles) -> None:
        self._client = client
        self._troubles = troubles
        # Each event of the watch is compared with them.
        self._store_key, self._schema_key, self._journal_key = (
            (prefix + name).encode() for name in (STORE_KEY, SCHEMA_KEY, JOURNAL)
        )
        self._id: bytes | None = None
        self._schema: bytes | None = None
        self._entry: KeyValue | None = None
        self._seen: NotContinued | None = None
        self._when_broken: list[Callable[[], None]] = []
        self.highest = 0
        """etcd's highest revision that was seen here."""

    def when_broken(self, tell: Callable[[], None]) -> None:
        self._when_broken.append(tell)

    @property
    def lost(self) -> bool:
        return self._troubles.lost

    @property
    def writable(self) -> bool:
        """Whether this version may write: another may have raised the schema."""
        return SCHEMA_RAISED not in self._troubles

    # What is served

    def begin(self, id: bytes | None, schema: bytes | None, entry: KeyValue | None, revision: int) -> None:
        """The state was loaded, at the revision."""
        self._id, self._entry = id, entry
        self.saw(revision)
        self._note_schema(schema)

    def saw(self, revision: int) -> None:
        self.highest = max(self.highest, revision)

    def check(self, kv: KeyValue, deleted: bool) -> None:
        """A change of a key, before it is believed. Raises NotContinued: then no more is followed, even if
        somebody should put the key back."""
        if kv.key == self._store_key and (deleted or kv.value != self._id):
            what = "the registry's keys were deleted" if deleted else "another registry was put in its place"
            self._seen = NotContinued(f"{what} at revision {kv.mod_revision}")
            raise self._seen

    def follow(self, kv: KeyValue, deleted: bool) -> None:
        """A change of a key that is believed."""
        self.saw(kv.mod_revision)
        if kv.key == self._journal_key and not deleted:
            self._entry = kv
        elif kv.key == self._schema_key:
            self._note_schema(None if deleted else kv.value)

    def _note_schema(self, value: bytes | None) -> None:
        self._schema = value
        if value == b"%d" % SCHEMA:
            self._troubles.end(SCHEMA_RAISED)
            return
        if value is not None and value.isdigit() and len(value) < 10:
            why = f"{value.decode()}, which another has set, and this version knows {SCHEMA}"
            what = "run the Visor that the others run"
        else:
            # Of any length: it is not repeated.
            why = "no number any more, for another has written or deleted it"
            what = f"put {SCHEMA} back there, or what the other replicas knew"
        self._troubles.begin(
            SCHEMA_RAISED,
            f"the registry's schema is {why} ({self._schema_key.decode()} in etcd): "
            f"writes are refused; {what}",
        )

    @property
    def entry(self) -> KeyValue | None:
        """The journal as of the last commit that is held."""
        return self._entry

    @property
    def guards(self) -> list[Compare]:
        """Of each commit: that it goes to the registry that is served, in the form that is known, and not to
        an older state of it."""
        guards = []
        if self._id is not None:
            guards.append(Compare(self._store_key, "value", "=", self._id))
        if self._schema is not None:
            guards.append(Compare(self._schema_key, "value", "=", self._schema))
        if self._entry is not None:
            guards.append(Compare(self._journal_key, "mod_revision", ">", self._entry.mod_revision - 1))
        return guards

    # What is there

    async def verify(self) -> None:
        """Ask etcd whether it continues what is held. Raises NotContinued, or why it cannot be asked."""
        if self._seen is not None:
            raise self._seen
        highest = self.highest
        latest = await self._client.range(self._store_key)
        if self._id is not None and not latest.kvs:
            raise NotContinued("the registry is not there any more")
        if self._id is not None and latest.kvs[0].value != self._id:
            raise NotContinued("another registry is in its place")
        if latest.revision < highest:
            raise NotContinued(
                f"etcd is at revision {latest.revision} and was at {highest}: it was restored from a backup "
                "without `--bump-revision`"
            )
        self.saw(latest.revision)
        if self._entry is not None:
            await self._verify_entry(self._entry)

    async def _verify_entry(self, entry: KeyValue) -> None:
        """Ask for the last commit that is held. Where it is compacted nothing can be said against it."""
        revision = entry.mod_revision
        try:
            then = await self._client.range(self._journal_key, revision=revision)
        except Compacted:
            return
        except FutureRevision as error:
            raise NotContinued(f"etcd does not know revision {revision} any more") from error
        if not then.kvs or then.kvs[0][:4] != entry[:4]:
            raise NotContinued(f"etcd's revision {revision} is not the one that was served")

    def lose(self, reason: NotContinued) -> None:
        """Serve what is held, and nothing else, until what was served goes on."""
        was_lost = self.lost
        self._troubles.begin(
            LOST,
            f"the registry in etcd is not the one that was being served ({reason}): nothing is written; "
            "bring back what was served (a backup with `--bump-revision` and `--mark-compacted`), or restart "
            "all replicas to serve what is there now",
        )
        if not was_lost:
            for tell in self._when_broken:
                tell()

    def go_on(self) -> None:
        self._troubles.end(LOST)
