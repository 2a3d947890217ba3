"""Grants, reads and streams in any order, beside a model that says what may be seen.

Of each token the model knows which apps it shows; of each stream which events it has to bring: those of the
apps that are seen, each once, in order, whatever was granted, narrowed or revoked in between, and none
that was committed after it was no longer to be seen. `VISOR_TEST_GRANTS` says how many runs of 30 steps:
with more than the default, a failing run is made as short as it can be, too.
"""

import os
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.models.token import new_id, new_token, sha256_of
from tests.access.holders import Holder, closed_service, grant
from tests.http.expect import refused
from tests.serving import APP, Service
from tests.sse.sse_reader import Frame, SseStream

FEW = 6
RUNS = int(os.environ.get("VISOR_TEST_GRANTS", f"{FEW}"))
SHRINKS = (Phase.shrink,) if RUNS > FEW else ()
"""To make a failing run short takes minutes: each try is some seconds of requests and streams."""

APPS = ("a", "b", "c")
TOKENS = (0, 1)
_run = count()

some_apps = st.sets(st.sampled_from(APPS), min_size=1)
a_token = st.sampled_from(TOKENS)


@dataclass
class Token:
    """A token in the model. `apps` are those it shows, None where it is revoked or not made yet; `at` is the
    last place of its stream, and `anew` says that the next one begins with a snapshot."""

    holder: Holder
    apps: frozenset[str] | None = None
    stream: SseStream | None = None
    at: tuple[int, int] = (0, 0)
    last_id: str = ""
    anew: bool = True
    bookmarks: int = 0


@dataclass
class Written:
    """A change of a variable."""

    rev: int
    app: str
    value: str


@dataclass
class History:
    """What was written, and the variable of each app as it is."""

    written: list[Written] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def after(self, rev: int, apps: frozenset[str], until: int) -> list[tuple[int, str, str]]:
        return [
            (one.rev, one.app, one.value)
            for one in self.written
            if rev < one.rev <= until and one.app in apps
        ]


class GrantsAndStreams(RuleBasedStateMachine):
    service: Service

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"r{next(_run)}-"
        self.history = History()
        self.rev = 0
        self.tokens = {}
        for number in TOKENS:
            id = new_id()
            self.tokens[number] = Token(Holder(self.service, id, new_token(id)))
        for app in APPS:
            self.service.made("/apps", {**APP, "name": self.prefix + app})
            self.write(app, "first")
        for number in TOKENS:
            self.grant(number, {APPS[number]})
            self.subscribe(number)

    def teardown(self) -> None:
        for token in self.tokens.values():
            if token.stream is not None:
                token.stream.close()

    # What an admin does.

    @rule(app=st.sampled_from(APPS), value=st.text("xyz", min_size=1, max_size=8))
    def write(self, app: str, value: str) -> None:
        if self.history.values.get(app) == value:
            return
        answer = self.service.put(f"/apps/{self.prefix}{app}/env/k", {"value": value})
        assert answer.status_code == 200, answer.text
        self.rev = int(answer.headers["Visor-Rev"])
        self.history.values[app] = value
        self.history.written.append(Written(self.rev, app, value))

    @rule(which=a_token, apps=some_apps)
    def grant(self, which: int, apps: set[str]) -> None:
        token, before = self.tokens[which], self.tokens[which].apps
        body = {
            "name": "somebody",
            "grants": [grant("viewer", apps=[self.prefix + app for app in sorted(apps)])],
            "sha256": sha256_of(token.holder.token),
        }
        answer = self.service.put(f"/tokens/{token.holder.id}", body)
        assert answer.status_code == 200, answer.text
        self.rev = int(answer.headers["Visor-Rev"])
        token.apps = frozenset(apps)
        note(f"token {which} shows {sorted(apps)} at {self.rev}")
        if token.stream is not None and before is not None and token.apps != before:
            self._ends(token, before, gone=not token.apps <= before)

    @rule(which=a_token)
    def revoke(self, which: int) -> None:
        token = self.tokens[which]
        if token.apps is None:
            return
        before, token.apps = token.apps, None
        answer = self.service.delete(f"/tokens/{token.holder.id}")
        assert answer.status_code == 200, answer.text
        self.rev = int(answer.headers["Visor-Rev"])
        if token.stream is not None:
            self._ends(token, before, gone=False)

    # What the holder of a token does.

    @rule(which=a_token, app=st.sampled_from(APPS))
    def read(self, which: int, app: str) -> None:
        token = self.tokens[which]
        answer = token.holder.get(f"/apps/{self.prefix}{app}/env/k")
        if token.apps is None:
            refused(answer, 401, "unauthenticated")
        elif app in token.apps:
            assert answer.json()["value"] == self.history.values[app]
        else:
            refused(answer, 404, "not-found")

    @rule(which=a_token)
    def list_all(self, which: int) -> None:
        token = self.tokens[which]
        answer = token.holder.get("/apps")
        if token.apps is None:
            refused(answer, 401, "unauthenticated")
        else:
            assert {one["name"] for one in answer.json()["items"]} == {
                self.prefix + app for app in token.apps
            }

    @precondition(lambda self: any(token.stream is None for token in self.tokens.values()))
    @rule(which=a_token)
    def subscribe(self, which: int) -> None:
        token = self.tokens[which]
        if token.stream is not None:
            return
        asked: dict[str, Any] = {"headers": token.holder.headers}
        if token.anew:
            asked["snapshot"] = True
        else:
            asked["last_event_id"] = token.last_id
        stream = SseStream(self.service.port, "/events", **asked)
        if token.apps is None:
            assert stream.status == 401
            stream.close()
            return
        token.stream = stream
        if token.anew:
            self._read_snapshot(token, token.apps, stream)

    @precondition(lambda self: any(token.stream is not None for token in self.tokens.values()))
    @rule(which=a_token)
    def follow(self, which: int) -> None:
        """All that was to come has come, and nothing else."""
        token = self.tokens[which]
        if token.stream is None or token.apps is None:
            return
        began = token.at[0]
        frames = token.stream.up_to(self.rev)
        assert self._events(token, frames) == self.history.after(began, token.apps, self.rev)

    @rule(which=a_token)
    def hang_up(self, which: int) -> None:
        token = self.tokens[which]
        if token.stream is not None:
            token.stream.close()
            token.stream = None

    @invariant()
    def places_only_go_on(self) -> None:
        for token in self.tokens.values():
            assert token.bookmarks <= self.rev

    # What a stream brings.

    def _ends(self, token: Token, apps: frozenset[str], *, gone: bool) -> None:
        """It ends after a whole event: of what was to come a beginning has, and nothing after the change."""
        assert token.stream is not None
        began = token.at[0]
        frames = token.stream.rest()
        assert token.stream.whole
        ended = [frame for frame in frames if frame.event == "gone"]
        assert len(ended) == gone
        events = self._events(token, [frame for frame in frames if frame.event != "gone"])
        assert events == self.history.after(began, apps, self.rev)[: len(events)]
        token.stream.close()
        token.stream = None
        token.anew = gone or token.anew

    def _read_snapshot(self, token: Token, apps: frozenset[str], stream: SseStream) -> None:
        found = {}
        while (frame := stream.next()) is not None and frame.event != "snapshot-end":
            if frame.event == "snapshot" and frame.said["kind"] == "app":
                found[frame.said["object"]["name"]] = frame.said["object"]["env"]["k"]
        assert frame is not None
        assert found == {self.prefix + app: self.history.values[app] for app in apps}
        token.anew = False
        token.at, token.last_id = (frame.rev, 0), str(frame.id)

    def _events(self, token: Token, frames: list[Frame]) -> list[tuple[int, str, str]]:
        found = []
        for frame in frames:
            if frame.id is None:
                continue
            index = frame.id.partition("-")[2]
            place = (frame.rev, int(index) if index else 1 << 30)
            assert place >= token.at, "a place goes back"
            token.at, token.last_id = place, frame.id
            if frame.is_event:
                said = frame.said
                found.append((frame.rev, said["app"].removeprefix(self.prefix), said["object"]["env"]["k"]))
            else:
                token.bookmarks = frame.rev
        return found


def test_what_is_seen_is_what_the_grants_say_at_every_moment() -> None:
    with closed_service(bookmark=0.02, keep_alive=5.0) as service:
        machine = type("Machine", (GrantsAndStreams,), {"service": service})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=RUNS,
                stateful_step_count=30,
                phases=(Phase.explicit, Phase.reuse, Phase.generate, *SHRINKS),
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
