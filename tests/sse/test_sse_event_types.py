"""Every type of DESIGN's list is made by its call, and says what happened, to what, when and by whom."""

import json

import pytest
from pydantic import TypeAdapter

from app.models.event import Event
from tests.serving import Service
from tests.sse.conftest import Follow
from tests.sse.every_call import CALLS, make

_EVENT: TypeAdapter[object] = TypeAdapter(Event)

LIST = {
    *(
        f"{stem}-{end}"
        for stem in ("app", "rev", "proc", "member")
        for end in ("register", "update", "unregister")
    ),
    *(
        f"{stem}-{end}"
        for stem in ("env", "service", "endpoint", "runner")
        for end in ("register", "unregister")
    ),
    *(f"instance-{end}" for end in ("register", "claim", "unclaim", "start", "stop", "exit", "fail", "lost")),
    *(f"instance-{end}" for end in ("restart", "lock", "unlock", "unregister")),
}


def test_the_calls_cover_the_list() -> None:
    """`schema-update` and `unknown` alone have no call that makes them; `scale-update` comes with others."""
    assert {call.type for call in CALLS} == LIST


def test_every_call_makes_its_event(visor: Service, follow: Follow) -> None:
    stream = follow(visor)
    for number, call in enumerate(CALLS):
        actor = f"deploy-bot-{number}"
        before = visor.get(call.object).json() if call.type.endswith("-unregister") else None
        rev = make(visor, call, actor)
        frame = stream.event()
        assert frame is not None
        assert (frame.id, frame.event) == (f"{rev}-0", call.type)
        said = frame.said
        shown = before or visor.get(call.object).json()
        assert said == {
            "rev": rev,
            "index": 0,
            "type": call.type,
            "at": visor.get("/rev").json()["at"],
            "actor": actor,
            **call.names,
            "object": shown,
        }
        assert list(said) == ["rev", "index", "type", "at", "actor", *call.names, "object"]
        if before is None:
            assert shown["rev"] == rev
            assert shown["updated_at"] == said["at"]
        _EVENT.validate_json(frame.data or "")
        for index in range(call.more):
            following = stream.event()
            assert (following.id, following.event) == (f"{rev}-{index + 1}", "scale-update")
            _EVENT.validate_json(following.data or "")
    assert visor.rev == visor.nth(len(CALLS)), "each call was one commit"


def test_a_write_without_a_name_is_by_anonymous(visor: Service, follow: Follow) -> None:
    stream = follow(visor)
    make(visor, CALLS[0])
    assert stream.events(1)[0].said["actor"] == "anonymous"
    bare = visor.client.put("/apps/cat/env/a", json={"value": "b"})
    assert bare.status_code == 200
    assert stream.events(1)[0].said["actor"] == "anonymous"


def test_a_member_that_is_not_renewed_vanishes_with_an_event(visor: Service, follow: Follow) -> None:
    stream = follow(visor, type="member-*")
    shown = visor.put("/members/pms/10.0.0.7", {"version": "1", "ttl": 1}).json()
    assert stream.events(1)[0].event == "member-register"
    (gone,) = stream.events(1)
    assert gone.event == "member-unregister"
    assert gone.said["object"] == shown
    assert gone.said["actor"] == "visor"
    _EVENT.validate_json(gone.data or "")


@pytest.mark.parametrize(
    "write",
    [
        lambda visor: visor.patch("/apps/cat", {"stack": "lenny"}),
        lambda visor: visor.put("/apps/cat/env/cow", {"value": "moo"}),
        lambda visor: visor.put("/members/pms/10.0.0.7", {"version": "1", "ttl": 60}),
        lambda visor: visor.put("/apps/cat/proctypes/web/scale", {"revision": "128af9", "count": 0}),
    ],
)
def test_a_write_that_changes_nothing_is_no_event(visor: Service, follow: Follow, write: object) -> None:
    visor.runnable()
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    visor.put("/members/pms/10.0.0.7", {"version": "1", "ttl": 60})
    stream = follow(visor)
    assert callable(write)
    assert write(visor).status_code == 200
    visor.made("/services", {"name": "after"})
    assert stream.events(1)[0].event == "service-register"


def test_an_event_is_one_line_whatever_is_in_it(visor: Service, follow: Follow) -> None:
    """Line breaks of every kind in values, and other scripts, come as they were put."""
    visor.runnable()
    value = 'a\nb\r\nc\u2028d\u0085e\u0001f "quoted" {"rev":1} ü 🚀 id: 7-0\n\nevent: fake\n\n'
    stream = follow(visor)
    visor.put("/apps/cat/env/odd", {"value": value})
    (frame,) = stream.events(1)
    assert frame.said["object"]["env"]["odd"] == value
    assert json.loads(frame.data or "") == frame.said
