"""A real service beside the model: every request goes to both, and every answer is compared."""

import http.client
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from hypothesis import note

from tests.model.contract_state import Draft, Model, Object, Refused, State, T
from tests.serving import Service

ANONYMOUS = "anonymous"
Target = Callable[[State], Object | None]
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def timeless(said: Any) -> Any:
    """The same with every time as `T`."""
    if isinstance(said, dict):
        return {name: timeless(value) for name, value in said.items()}
    if isinstance(said, list):
        return [timeless(one) for one in said]
    return T if isinstance(said, str) and _TIME.fullmatch(said) else said


class Answer:
    """What the service has answered."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.raw = answer.read()
        self.body = timeless(json.loads(self.raw)) if self.raw else None


class Both:
    """The service and the model."""

    def __init__(self, service: Service, history: int) -> None:
        self.steps = 0
        self._kept: dict[tuple[str, str], tuple[Any, Answer]] = {}
        """What was answered, by the actor and his key: a key is its actor's own."""
        self.connect(service)
        self.model = Model(history, service.start, self.ask("GET", "/rev").body["oldest_rev"], service.step)

    def connect(self, service: Service) -> None:
        """From now on this service is asked, which has the store of the one before."""
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The service's answer alone."""
        self.steps += 1
        said = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        self._connection.request(method, path, said, named)
        answer = Answer(self._connection.getresponse())
        note(f"{method} {path} {named} {said or ''} -> {answer.status} at {answer.headers['Visor-Rev']}")
        return answer

    def write(
        self,
        method: str,
        path: str,
        command: Callable[[Draft], Any],
        body: Any = None,
        *,
        status: int = 200,
        target: Target = lambda _: None,
        shape: Callable[[Object], Any] = lambda made: made,
        location: Callable[[Object], str] | None = None,
        match: str = "",
        key: str | None = None,
        actor: str | None = None,
    ) -> None:
        """One write, of which both have to say the same. `match` names a precondition on the target, `key`
        an Idempotency-Key."""
        model = self.model
        headers, holds = precondition(match, target(model.now))
        if key:
            headers["Idempotency_Key"] = key
        if actor:
            headers["Visor_Actor"] = actor
        if method != "POST":
            key = None  # said, and of no meaning there
        said = (method, path, body)
        of = (actor or ANONYMOUS, key) if key else None
        kept = self._kept.get(of) if of else None
        got = self.ask(method, path, body, **headers)
        where = f"{method} {path} {body} {headers} -> {got.status} {got.raw!r}"
        if kept is not None:
            self._compare_replay(kept, said, got, where)
            return
        before = model.rev
        try:
            if not holds:
                raise Refused(412, "rev-mismatch")
            made = model.commit(command, actor or ANONYMOUS)
        except Refused as refused:
            self._refused(got, refused, where)
            return
        if made is None and method == "POST":
            assert (got.status, got.raw) == (204, b""), where
        else:
            if of:
                self._kept[of] = (said, got)
                if model.rev == before:
                    model.add(model.now.copy(), [], actor or ANONYMOUS)
            expected = {"rev": model.rev} if method == "DELETE" else shape(made)
            assert (got.status, got.body) == (status, expected), (where, expected)
            if method != "DELETE":
                assert got.headers["ETag"] == f'"{made["rev"]}"', where
            if location is not None:
                assert got.headers["Location"] == location(made), where
        assert got.headers["Visor-Rev"] == str(model.rev), where

    def repeat(self, which: int) -> None:
        """One of the calls that had a key, again."""
        if not self._kept:
            return
        actor, key = sorted(self._kept)[which % len(self._kept)]
        (method, path, body), first = self._kept[actor, key]
        got = self.ask(method, path, body, Idempotency_Key=key, Visor_Actor=actor)
        where = f"{key} of {actor} again"
        self._compare_replay(((method, path, body), first), (method, path, body), got, where)

    def _compare_replay(self, kept: tuple[Any, Answer], said: Any, got: Answer, where: str) -> None:
        if kept[0] != said:
            self._refused(got, Refused(422, "idempotency-key-reused"), where)
            return
        assert (got.status, got.raw) == (kept[1].status, kept[1].raw), where
        assert got.headers["Idempotency-Replayed"] == "true", where
        for name in ("ETag", "Location", "Visor-Rev"):
            assert got.headers[name] == kept[1].headers[name], (name, where)

    def _refused(self, got: Answer, refused: Refused, where: str) -> None:
        assert (got.status, got.body and got.body.get("code")) == (refused.status, refused.code), where
        assert got.headers["Content-Type"] == "application/problem+json", where
        assert got.headers["Visor-Rev"] == str(self.model.rev), where

    def scale(
        self, path: str, body: Object, command: Callable[[], Object], target: Target, match: str, actor: str
    ) -> None:
        """A scale, which may be several commits."""
        headers, holds = precondition(match, target(self.model.now))
        headers["Visor_Actor"] = actor
        got = self.ask("PUT", path, body, **headers)
        where = f"PUT {path} {body} -> {got.status} {got.raw!r}"
        try:
            if not holds:
                raise Refused(412, "rev-mismatch")
            assert (got.status, got.body) == (200, command()), where
        except Refused as refused:
            self._refused(got, refused, where)
        assert got.headers["Visor-Rev"] == str(self.model.rev), where

    def read(self, path: str, rev: int | None, one: Callable[[State], Any], **query: Any) -> None:
        """One resource (None: not found) or a list of them, latest or at a rev, page by page."""
        params = {**query, **({} if rev is None else {"rev": rev})}
        at = self.model.rev if rev is None else rev
        got = self.ask("GET", f"{path}?{urlencode(params, doseq=True)}")
        where = f"GET {path} {params} -> {got.status} {got.raw!r}"
        if at > self.model.rev:
            self._refused(got, Refused(400, "rev-in-future"), where)
            assert got.body["current_rev"] == self.model.rev
            return
        if at < self.model.oldest:
            self._refused(got, Refused(410, "rev-compacted"), where)
            assert got.body["oldest_rev"] == self.model.oldest
            return
        assert got.headers["Visor-Rev"] == str(at), where
        expected = one(self.model.at(at))
        if expected is None:
            assert (got.status, got.body["code"], got.body["rev"]) == (404, "not-found", at), where
        elif isinstance(expected, dict):
            assert (got.status, got.body) == (200, expected), (where, expected)
        else:
            self._compare_pages(path, query, got, at, expected, where)

    def _compare_pages(
        self, path: str, query: Object, got: Answer, at: int, expected: list[Object], where: str
    ) -> None:
        limit = query.get("limit", 100)
        for start in range(0, max(len(expected), 1), limit):
            assert got.status == 200, where
            page = expected[start : start + limit]
            assert (got.body["rev"], got.body["items"]) == (at, page), (where, expected)
            assert (got.body["next"] is None) == (start + limit >= len(expected)), where
            if got.body["next"] is not None:
                following = urlencode({**query, "cursor": got.body["next"]}, doseq=True)
                got = self.ask("GET", f"{path}?{following}")


def precondition(match: str, found: Object | None) -> tuple[dict[str, str], bool]:
    """The header of a precondition, and whether it holds."""
    rev = None if found is None else found["rev"]
    if match in ("current", "weak"):
        tag = f'"{rev or 1}"'
        return {"If_Match": f"W/{tag}" if match == "weak" else f'"99999999", {tag}'}, found is not None
    if match == "stale":
        return {"If_Match": '"99999999"'}, False
    if match == "there":
        return {"If_Match": "*"}, found is not None
    if match == "absent":
        return {"If_None_Match": "*"}, found is None
    return {}, True
