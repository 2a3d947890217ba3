"""What another hand has written, in a form that is not ours, never ends a stream."""

import json
from typing import Any

from pydantic import TypeAdapter

from app.models.event import Event
from app.models.revs import SCHEMA_VERSION
from app.store.contract import Changes
from app.store.records import Origin
from tests.serving import Service
from tests.sse.conftest import Follow, Serve

_EVENT: TypeAdapter[object] = TypeAdapter(Event)

GARBAGE = {
    "app/cat": b"no JSON",
    "app/odd": b'{"name":"odd"}',
    "app/list": b"[1,2]",
    "app/number": b"7",
    "app/null": b"null",
    "app/bytes": b"\xff\xfe",
    "app/deep": b"[" * 20_000,
    "instance/deep": b"[" * 20_000,
    "app/half": b'{"name":"\\ud800"}',
    "instance/0000000000000000009": b'{"id":9,"status":"odd"}',
    "instance/text": b'"pending"',
    "instance/0000000000000000010": b'{"ended":true,"id":10}',
    "proctype/cat,web": b'{"app":"cat","name":"web","port":"8000"}',
    "runner/x": b"{}",
    "member/pms,x": b'{"addr":null}',
    "spaceship/apollo": b'{"crew":3}',
    "nothing": b"x",
    "envset/": b"{}",
    "service/a": b'{"name":{"a":1}}',
}


def _write(visor: Service, actor: str = "somebody", **what: Any) -> int:
    """Change the store past the registry, in the service's own loop; the rev of the commit."""
    origin = Origin(actor, "by another hand")
    return visor.inside(visor.context.store.transact(lambda snapshot, at: Changes(**what), origin)).rev


def test_what_cannot_be_read_is_an_unknown_event(serve: Serve, follow: Follow) -> None:
    visor = serve()
    visor.runnable()
    stream = follow(visor, rev=0)
    stream.events(3)
    known = visor.get("/apps/cat").json()
    for key, value in GARBAGE.items():
        rev = _write(visor, puts={key: value})
        visor.put("/members/pms/10.0.0.7", {"version": str(rev)})
        frames = stream.events(2) if b'"ended":true' not in value else [None, *stream.events(1)]
        unknown, after = frames
        assert after is not None
        assert after.said["type"].startswith("member-"), key
        if unknown is None:
            continue
        assert (unknown.id, unknown.event) == (f"{rev}-0", "unknown")
        at = visor.get(f"/events?rev={rev - 1}&limit=1", headers={"Accept": "application/json"}).json()
        assert unknown.said == {
            "rev": rev,
            "index": 0,
            "type": "unknown",
            "at": at["items"][0]["at"],
            "actor": "somebody",
            "key": key,
        }
        _EVENT.validate_json(unknown.data or "")
    assert known["name"] == "cat"


def test_an_unknown_object_among_others_takes_nothing_from_them(visor: Service, follow: Follow) -> None:
    """One commit with a good object on both sides of a bad one."""
    visor.made("/services", {"name": "a"})
    good = visor.context.store.stale().get("service/a").value
    stream = follow(visor)
    rev = _write(
        visor,
        puts={
            "service/b": good.replace(b'"a"', b'"b"'),
            "service/c": b"garbage",
            "service/d": good.replace(b'"a"', b'"d"'),
        },
    )
    frames = stream.events(3)
    assert [(f.id, f.event) for f in frames] == [
        (f"{rev}-0", "service-register"),
        (f"{rev}-1", "unknown"),
        (f"{rev}-2", "service-register"),
    ]


def test_the_end_of_an_unknown_object_is_unknown_too(visor: Service, follow: Follow) -> None:
    stream = follow(visor)
    _write(visor, puts={"service/a": b"garbage", "spaceship/apollo": b"{}"})
    _write(visor, deletes={"service/a", "spaceship/apollo"})
    visor.made("/services", {"name": "a"})
    assert [f.event for f in stream.events(5)] == ["unknown"] * 4 + ["service-register"]


def test_an_instance_changed_in_a_way_no_call_does_is_unknown(visor: Service, follow: Follow) -> None:
    visor.runnable()
    visor.ticket()
    key = "instance/0000000000000000001"
    said = json.loads(visor.context.store.stale().get(key).value)
    stream = follow(visor)
    _write(visor, puts={key: json.dumps({**said, "reason": "by hand"}, separators=(",", ":")).encode()})
    visor.made("/instances/1/claim", {"host": "10.0.0.7"})
    assert [f.event for f in stream.events(2)] == ["unknown", "instance-claim"]


def test_filters_by_name_pass_over_what_has_no_name(serve: Serve, follow: Follow) -> None:
    visor = serve(bookmark=0.02)
    _write(visor, puts={"app/cat": b"garbage"})
    for query, expected in (
        ({"app": "cat"}, 0),
        ({"type": "app-*"}, 0),
        ({"type": "unknown"}, 1),
        ({"type": "*"}, 1),
    ):
        frames = follow(visor, rev=0, **query).up_to(visor.rev)
        assert sum(frame.is_event for frame in frames) == expected, query


def test_a_snapshot_leaves_out_what_cannot_be_read(visor: Service, follow: Follow) -> None:
    visor.made("/services", {"name": "a"})
    _write(visor, puts=GARBAGE)
    stream = follow(visor, snapshot=True)
    seen = []
    while (frame := stream.next()) is not None and frame.event != "snapshot-end":
        seen += [frame.said["object"]["name"]] if frame.event == "snapshot" else []
    assert frame is not None
    assert seen == []


def test_a_new_schema_is_an_event(visor: Service, follow: Follow) -> None:
    """The first is none: it was there before anybody could have known another."""
    stream = follow(visor)
    if visor.coordinator != "etcd":  # there the store itself has put the first
        _write(visor, "migration", puts={"schema": b"1"})
    rev = _write(visor, "migration", puts={"schema": b"%d" % SCHEMA_VERSION})
    (frame,) = stream.events(1)
    assert (frame.id, frame.event) == (f"{rev}-0", "schema-update")
    assert frame.said["object"] == {"version": SCHEMA_VERSION}
    assert frame.said["actor"] == "migration"
    _EVENT.validate_json(frame.data or "")
    _write(visor, deletes={"schema"})
    assert stream.events(1)[0].event == "unknown"


def test_the_registrys_own_keys_are_no_events(visor: Service, follow: Follow) -> None:
    stream = follow(visor, rev=0)
    _write(visor, puts={"counter/instance": b"7", "idempotency/x": b"{}", "scaling/a,b,c,": b'"x"'})
    visor.made("/services", {"name": "a"})
    assert stream.events(1)[0].id == f"{visor.nth(2)}-0"
