"""Each call is asked again with the token of each role that may not see everything: as it was, and of what
the other tenant has. Random names alone would hardly ever be of something that is there and another's.

No answer has a canary; what is the other's is refused, with the bytes of what is not there.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from app.models.grants import Role
from tests.fuzz.two_tenants import HIDDEN, LOOKED_UP, Other, twin

ABSENT = 88_888_888
"""An instance that nobody has, and a commit that nobody has made."""

NOT_TENANTS = ("/problems", "/tokens", "/ui")
"""Paths whose names are nobody's in particular."""

FEED_BYTES = 1 << 20


@dataclass(frozen=True)
class Asked:
    """A call that is made again. `names` says that the path or the body names what is the other's."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    names: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.path + ("?" + urlencode(self.query) if self.query else "")


@dataclass(frozen=True)
class Again:
    """Asks again, at this service, with these tokens by role."""

    url: str
    tokens: Mapping[str, str]
    other: Other
    chance: Random
    session: requests.Session = field(default_factory=requests.Session)

    def look(self, template: str, queries: set[str], sent: requests.PreparedRequest) -> None:
        """Raises AssertionError where an answer shows, or does, what it may not."""
        for role in (Role(name) for name in self.tokens if HIDDEN[Role(name)]):
            for asked in self._calls(template, queries, sent):
                self._hold(role, asked)

    def _calls(self, template: str, queries: set[str], sent: requests.PreparedRequest) -> Iterator[Asked]:
        there, method = urlsplit(str(sent.url)), str(sent.method)
        if template.endswith("/events"):
            yield Asked("GET", there.path, {"snapshot": "true"})
            yield Asked("GET", there.path, {"rev": self.other.since})
            return
        read = method == "GET"
        if read:
            yield Asked("GET", there.path + (f"?{there.query}" if there.query else ""))
            yield from self._with_its_names_in_the_query(there.path, queries)
        if template.startswith(NOT_TENANTS):
            return
        path = self._named(template)
        body = None if read else self._body(sent)
        named = path != template.replace("{kind}", "pms")
        if named or (body is not None and "q7x" in json.dumps(body)):
            needed = {"status": "lost"} if method == "DELETE" and path == "/instances" else {}
            yield Asked(method, path, needed, body, names=True)
        if read and "rev" in queries and named:
            yield Asked(method, path, {"rev": self.chance.choice(self.other.revs)}, names=True)

    def _with_its_names_in_the_query(self, path: str, queries: set[str]) -> Iterator[Asked]:
        given = [name for name in self.other.queries if name in queries]
        if "from" in given:  # the whole of what has been since
            yield Asked("GET", path, {"from": self.other.since})
            given.remove("from")
        if given:
            name = self.chance.choice(given)
            needed = {"from": self.other.since} if path == "/diff" else {}
            yield Asked("GET", path, {**needed, name: self.chance.choice(self.other.queries[name])})

    def _named(self, template: str) -> str:
        """The path of something of the other tenant's."""
        names = {name: self.chance.choice(values) for name, values in self.other.paths(template).items()}
        return re.sub(r"\{(\w+)\}", lambda found: str(names.get(found[1], found[0])), template)

    def _body(self, sent: requests.PreparedRequest) -> Any:
        """The body that was sent, of the other's names."""
        try:
            said = json.loads(sent.body or b"null")
        except ValueError:
            return None
        if not isinstance(said, dict):
            return said
        return {**said, **{key: value for key, value in self.other.fields.items() if key in said}}

    def _hold(self, role: Role, asked: Asked) -> None:
        status, told, headers = self._ask(role, asked)
        # An answer may repeat what was asked for: not what else is known of it.
        said = asked.url + json.dumps(asked.body) if asked.names or asked.query else ""
        for canary in (one for one in HIDDEN[role] if one not in said):
            assert canary not in told + headers, _shown(role, asked, told + headers, canary)
        if not asked.names or (LOOKED_UP in asked.url and LOOKED_UP not in HIDDEN[role]):
            return
        if asked.method != "GET":
            # 204: a host that asks for one of its tickets is told that none waits.
            refused = status >= 400 or status == 204
            assert refused, f"as {role}: {asked} is answered {status}: {told[:500]}"
        # A host sees what is pending, of everybody; a commit that is not there is one to come.
        if role != Role.HOST and not asked.path.startswith("/commits/"):
            absent = Asked(
                asked.method,
                _absent(asked.path),
                asked.query,
                json.loads(twin(json.dumps(asked.body))),
                headers=asked.headers,
            )
            instead = self._ask(role, absent)
            hidden, not_there = (status, _absent(told)), (instead[0], _absent(instead[1]))
            assert hidden == not_there, f"as {role}: {asked} is {hidden}, and what is not there {not_there}"

    def _ask(self, role: Role, asked: Asked) -> tuple[int, str, str]:
        """The status, the content and the headers of the answer."""
        headers = {"Authorization": f"Bearer {self.tokens[role.value]}", **asked.headers}
        streams = asked.path.endswith("/events")
        if streams:
            headers["Accept"] = "text/event-stream"
        with self.session.request(
            asked.method, self.url + asked.url, json=asked.body, headers=headers, timeout=60, stream=streams
        ) as answer:
            content = _until_it_waits(answer) if streams else answer.content
            return answer.status_code, content.decode("latin-1"), str(answer.headers)


def _until_it_waits(answer: requests.Response) -> bytes:
    """What a stream has to tell of what has been: then it says so."""
    content = b""
    for piece in answer.iter_content(None):
        content += piece
        if b"event: bookmark" in content or b"event: snapshot-end" in content or len(content) > FEED_BYTES:
            break
    return content


def _absent(text: str) -> str:
    """The same of what is not there, and at any time: numbers are those of instances, commits and revs."""
    numbers = r'(/instances/|/commits/|instance |rev |"rev":|"next":")\d+'
    return re.sub(numbers, rf"\g<1>{ABSENT}", twin(text))


def _shown(role: Role, asked: Asked, told: str, canary: str) -> str:
    at = told.index(canary)
    return f"as {role}: {asked} is answered {told[max(0, at - 200) : at + 300]}"
