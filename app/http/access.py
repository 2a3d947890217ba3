"""Authentication: from a request's credentials to a principal, decided on the newest state.

A token is looked up in what is held here, and what was made of it is kept with its record. One that is not
valid by what is held is asked for once by a confirmed read: it may have been made on another replica a
moment ago.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from app.errors import Forbidden, Unauthenticated
from app.http.certificate import Certificate
from app.http.clients import Peer
from app.http.hosts import proxied
from app.http.open_streams import OpenStream, OpenStreams
from app.http.principal import Principal
from app.http.session import ADMIN_ID, COOKIE, session_of
from app.models import keys
from app.models.grants import EVERYTHING, Grant, Role, sight_of
from app.models.token import KeptToken, id_of
from app.registry import tokens
from app.registry.permissions import NEVER, Row
from app.store.contract import Snapshot, Store
from app.store.records import Commit, Origin, Record

HOUR = 3600

ADMIN_NAME, ANONYMOUS = "admin", "anonymous"

_BEARER = b"bearer "
LOOK_SECONDS = 0.5
UNPROVEN_SECONDS = 8.0
"""Without a proof for so long that what is held here is the latest, no token is believed, whatever is held:
what was revoked elsewhere since is not known."""

PROOF_SECONDS = 0.25
"""How long it is believed that what is held here is the latest, without asking the store for its proof."""

MAX_TOKEN = 512
"""Bytes of credentials that are looked at."""


_ADMINS = (Grant(role=Role.ADMIN),)


class Access:
    """Knows who asks. `admin_sha256` is the hash of a token that is an admin's, whatever the store has. Where
    nobody needs a token, and the service is for this machine alone (`local`), that does not hold for what a
    proxy passes on: it makes loopback everybody's."""

    def __init__(self, store: Store, admin_sha256: str = "", *, local: bool = False) -> None:
        self._local = local
        self._store = store
        self._admin = Principal(None, ADMIN_NAME, _ADMINS, EVERYTHING, bytes.fromhex(admin_sha256))
        self._nobody = Principal(None, ANONYMOUS, _ADMINS, EVERYTHING)
        self._by_hash: dict[bytes, Principal] = {}
        self._by_certificate: dict[Certificate, Principal] = {}
        self._used: dict[str, datetime] = {}
        self._proven_at = self._believed_until = 0.0
        self._open_at = 0
        """The rev at which nobody was seen to need a token; 0 where none is known."""
        self._streams = OpenStreams()

    @property
    def nobody(self) -> Principal:
        """Who asks where no token is needed."""
        return self._nobody

    def closed(self, snapshot: Snapshot) -> bool:
        """Whether a token is needed."""
        return bool(self._admin.sha256) or tokens.needs_a_token(snapshot)

    def known(
        self,
        fields: Mapping[bytes, bytes],
        certificate: Certificate | None = None,
        peer: Peer | None = None,
    ) -> Principal | None:
        """Who asks, by what is held here; None where that says nothing good. A token, or a session's cookie,
        counts before the certificate of the connection."""
        given = fields.get(b"authorization")
        if given is None:
            # A state at a rev does not change: it was looked at before.
            is_open = certificate is None and 0 < self._store.rev == self._open_at
            if is_open and not (self._local and proxied(fields)):
                return self._nobody
        elif (
            peer is not None and peer.principal is not None and self._asks_again(given, peer, peer.principal)
        ):
            return peer.principal
        snapshot = self._store.stale()
        token = _token(fields)
        if token is None:
            if certificate is not None and COOKIE not in fields.get(b"cookie", b""):
                return self._of_certificate(certificate)
            return self._without(fields, snapshot) or self._of_session(fields, snapshot)
        sha256, now = hashlib.sha256(token).digest(), time.time()
        principal = self._by_hash.get(sha256)
        if principal is None or not self._is_current(principal, snapshot, now):
            return self._looked_up(snapshot, token, sha256, now)
        if principal.used_hour != (hour := int(now) // HOUR):
            self._note_use(principal, hour)
        if not self._proven:
            return None
        self._proven_at, self._believed_until = now, now + PROOF_SECONDS
        if peer is not None and given is not None:
            peer.credentials, peer.principal, peer.known_at = given, principal, snapshot.rev
        return principal

    def _asks_again(self, given: bytes, peer: Peer, principal: Principal) -> bool:
        """Whether it is who asked on the same connection before, with the same token, and that as it was.
        False where more has to be looked at."""
        rev, now = self._store.rev, time.time()
        return (
            # The same bytes where the whole head came again.
            (given is peer.credentials or hmac.compare_digest(given, peer.credentials))
            and now < principal.noted_until
            # A clock that has jumped proves nothing.
            and self._proven_at <= now < self._believed_until
            and (rev == peer.known_at or self._is_kept(peer, principal, rev))
        )

    def _is_kept(self, peer: Peer, principal: Principal, rev: int) -> bool:
        """Whether its token is the same at this rev, which is not the one that was looked at last. A state at
        a rev does not change. Should one be another's (a coordinator that was restored), the proof that is
        asked for has it looked up again soon."""
        record = principal.record
        if record is None or self._store.stale().get(record.key) is not record:
            return False
        peer.known_at = rev
        return True

    def _looked_up(self, snapshot: Snapshot, token: bytes, sha256: bytes, now: float) -> Principal | None:
        if hmac.compare_digest(sha256, self._admin.sha256):
            return self._admin
        try:
            return self._of_token(snapshot, token, sha256, now) if self._proven else None
        except Unauthenticated:
            return None

    @staticmethod
    def _is_current(principal: Principal, snapshot: Snapshot, now: float) -> bool:
        """Whether its token is as it was when it was looked at."""
        record = principal.record
        return record is not None and snapshot.get(record.key) is record and now < principal.until

    def _without(self, fields: Mapping[bytes, bytes], snapshot: Snapshot) -> Principal | None:
        """Who asks without a token: None where one is needed."""
        if self.closed(snapshot):
            return None
        self._open_at = snapshot.rev
        return None if self._local and proxied(fields) else self._nobody

    async def find(self, fields: Mapping[bytes, bytes], certificate: Certificate | None = None) -> Principal:
        """The same on the state that is confirmed now. Raises Unauthenticated, CoordinatorUnavailable."""
        if certificate is not None and time.time() >= certificate.until and _token(fields) is None:
            raise Unauthenticated.expired("certificate")
        if (
            _token(fields) is None
            and self.closed(self._store.stale())
            and COOKIE not in fields.get(b"cookie", b"")
        ):
            raise Unauthenticated.unknown()
        snapshot = await self._store.latest()
        principal = self.known(fields, certificate)
        if principal is not None:
            return principal
        nobody = self._without(fields, snapshot)
        if nobody is not None:
            return nobody
        token = _token(fields)
        if token is not None:
            self._of_token(snapshot, token, hashlib.sha256(token).digest(), time.time())
        raise Unauthenticated.unknown()

    def _of_certificate(self, certificate: Certificate) -> Principal | None:
        """The host that a certificate names; None where it has expired since the handshake."""
        if time.time() >= certificate.until:
            return None
        principal = self._by_certificate.get(certificate)
        if principal is None:
            if len(self._by_certificate) >= MAX_KNOWN:
                self._by_certificate.clear()
            hosts = certificate.hosts
            grants = (Grant(role=Role.HOST, hosts=list(hosts)),)
            principal = Principal(
                None, certificate.name, grants, sight_of(grants), until=certificate.until, hosts=hosts
            )
            self._by_certificate[certificate] = principal
        return principal

    def _of_session(self, fields: Mapping[bytes, bytes], snapshot: Snapshot) -> Principal | None:
        """Who asks by a browser's cookie."""
        now = time.time()
        session = session_of(fields, now) if b"cookie" in fields else None
        if session is None or not self._proven:
            return None
        if session.id == ADMIN_ID:
            return self._admin if self._admin.sha256 and session.made_with(self._admin.sha256) else None
        kept = tokens.read(snapshot.get(keys.token(session.id)))
        if kept is None:
            return None
        for sha256 in (kept.sha256, kept.old_sha256):
            if sha256 is not None and session.made_with(bytes.fromhex(sha256)):
                try:
                    return self._of_id(snapshot, session.id, bytes.fromhex(sha256), now)
                except Unauthenticated:
                    return None
        return None

    @property
    def _proven(self) -> bool:
        """Whether it is known that what is held here is not old."""
        age = self._store.age
        return age is not None and age <= UNPROVEN_SECONDS

    def _of_token(self, snapshot: Snapshot, token: bytes, sha256: bytes, now: float) -> Principal:
        """Raises Unauthenticated."""
        id = id_of(token.decode("latin-1"))
        if id is None:
            raise Unauthenticated.unknown()
        return self._of_id(snapshot, id, sha256, now)

    def _of_id(self, snapshot: Snapshot, id: str, sha256: bytes, now: float) -> Principal:
        """Raises Unauthenticated."""
        record = snapshot.get(keys.token(id))
        if record is None:
            raise Unauthenticated.unknown()
        principal = self._make(record, sha256, now)
        self._note_use(principal, int(now) // HOUR)
        return principal

    def _note_use(self, principal: Principal, hour: int) -> None:
        if principal.used_hour != hour and principal.id is not None:
            principal.used_hour = hour
            principal.noted_until = min(principal.until, (hour + 1) * HOUR)
            self._used[principal.id] = datetime.fromtimestamp(hour * HOUR, UTC)

    def _make(self, record: Record, sha256: bytes, now: float) -> Principal:
        kept = tokens.read(record)
        if kept is None:
            raise Unauthenticated.unknown()
        tokens.check(kept, sha256, datetime.fromtimestamp(now, UTC))
        if len(self._by_hash) >= MAX_KNOWN:
            self._by_hash.clear()
        made = Principal(
            kept.id, kept.name, kept.grants, sight_of(kept.grants), sha256, record, _until(kept, now)
        )
        self._by_hash[sha256] = made
        return made

    def still(self, principal: Principal) -> bool:
        """Whether the principal may go on: its token is as it was when it was looked at."""
        return self._renew(principal) is principal

    def _renew(self, principal: Principal) -> Principal | None:
        record, store = principal.record, self._store
        if principal.anonymous:
            return None if self.closed(store.stale()) else principal
        if principal.hosts:
            # What it says does not stand in the store.
            return principal if time.time() < principal.until else None
        if not self._proven:
            return None
        if record is None:
            return principal
        held, now = store.stale().get(record.key), time.time()
        if held is record and now < principal.until:
            return principal
        try:
            return None if held is None else self._make(held, principal.sha256, now)
        except Unauthenticated:
            return None

    def open_stream(self, principal: Principal, row: Row) -> OpenStream:
        """Watch over a stream of this principal."""
        stream = OpenStream(principal, row, self._renew)
        self._streams.add(stream)
        return stream

    def listen(self, commit: Commit | None) -> None:
        """The hub's listener."""
        self._streams.listen(commit)

    async def watch(self) -> None:
        """Notice for ever what no commit says: tokens that are over their time, a store that cannot be asked.
        Ends by being cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._streams.sweep()
            if self._proven:
                self._streams.tell_expired(time.time())
            else:
                self._streams.tell_all()

    async def write_uses(self) -> None:
        """Write down which tokens were used since the last time."""
        uses, self._used = self._used, {}
        while uses:
            some = dict(list(uses.items())[: tokens.USES])
            await self._store.transact(
                lambda snapshot, at, some=some: tokens.note_uses(snapshot, at, some),  # type: ignore[misc]
                Origin("visor", "tokens used"),
            )
            for id in some:
                del uses[id]


MAX_KNOWN = 10_000
"""Tokens that are remembered."""


def _until(kept: KeptToken, now: float) -> float:
    times = [at.timestamp() for at in (kept.expires_at, kept.old_until) if at is not None]
    return min((at for at in times if at > now), default=NEVER)


def _token(fields: Mapping[bytes, bytes]) -> bytes | None:
    """What is given as a Bearer token; None where nothing is."""
    given = fields.get(b"authorization")
    if given is None or given[:7].lower() != _BEARER or len(given) > MAX_TOKEN:
        return None
    return given[7:].strip()


def has_bearer(fields: Mapping[bytes, bytes]) -> bool:
    """Whether a request names a token itself, and no cookie speaks for it."""
    return _token(fields) is not None


def needs_own_page(principal: Principal, fields: Mapping[bytes, bytes]) -> bool:
    """Whether a write has to show that it is of a page of this service: a browser sends a cookie, and a
    certificate, whoever has it ask."""
    if principal.anonymous or has_bearer(fields):
        return False
    return not principal.hosts or b"origin" in fields or b"sec-fetch-site" in fields


def check(principal: Principal, row: Row) -> None:
    """Raises Forbidden where the principal may not do an operation of this row, for anything."""
    if principal.scope(row) is None:
        raise Forbidden.needing(row.needs)
