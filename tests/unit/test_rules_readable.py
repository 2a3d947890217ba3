"""What is readable: all that any version has written, and nothing that another hand has."""

import pytest

from app.models import codec, key_terms
from app.models.event import KINDS
from app.models.service import Service
from app.registry.readable import _KEY_OF, index
from app.registry.state import new
from app.store.contract import UNREADABLE
from tests.unit.life_registry import START

AT = b'"created_at":"2026-11-29T19:42:45.150109Z","updated_at":"2026-11-29T19:42:45.175138Z",'
INSTANCE = (
    b"{" + AT + b'"id":1,"app":"cat","revision":"128af9","proctype":"web","env":"128af9","status":"exited",'
    b'"host":"10.0.0.7","ip":"10.0.0.7","hostname":"box7.example.com","port":20001,"tele_port":null,'
    b'"claims":[{"host":"10.0.0.7","at":"2026-11-29T19:42:45.209952Z","error":"no room"}],'
    b'"restarts":{"fail":0,"oom":1},"lock":null,"reason":null,"claim_rev":13,'
    b'"registered_at":"2026-11-29T19:42:45.205637Z","claimed_at":"2026-11-29T19:42:45.226070Z",'
    b'"started_at":"2026-11-29T19:42:45.234091Z","stopped_at":null,"ended_at":"2026-11-29T19:42:45.268409Z"}'
)
KEPT = {
    "app/cat": b"{" + AT + b'"name":"cat","repo_url":"https://git.example.com/cat.git","stack":"lenny",'
    b'"deploy_type":"lxc","head":null,"env":{"cow":"moo, moo","..":"once taken"}}',
    "revision/cat,128af9": b"{" + AT + b'"app":"cat","ref":"128af9","state":"accepted",'
    b'"archive_url":"https://archive.example.com/cat/128af9.img"}',
    "envset/cat,128af9": b"{" + AT + b'"app":"cat","ref":"128af9","vars":{"DB":"db"}}',
    "proctype/cat,web": b"{" + AT + b'"app":"cat","name":"web","port":8000,"limits":{"memory_limit_mb":512}}',
    "instance/0000000000000000001": INSTANCE,
    "instance/0000000000000000002": b'{"ended":true,' + AT + b'"id":2,"app":"cat","proctype":"web",'
    b'"revision":"128af9","env":null,"status":"pending","client":null,"reason":"scaled down",'
    b'"at":"2026-11-29T19:42:45.281429Z"}',
    "service/memcached": b"{" + AT + b'"name":"memcached"}',
    "endpoint/memcached,Box7-example-com--11211": b"{" + AT + b'"service":"memcached",'
    b'"id":"Box7-example-com--11211","addr":"Box7.example.com.","ip":"10.0.0.7","port":11211,'
    b'"priority":0,"weight":0,"target":null}',
    "runner/10.0.0.7:9000": b"{" + AT + b'"addr":"10.0.0.7:9000","host":"10.0.0.7","instance_id":1}',
    "member/pms,Box7.Example.com": b"{" + AT + b'"kind":"pms","addr":"Box7.Example.com","version":"1.4.2",'
    b'"ttl":null}',
    "counter/instance": b"17",
    "counter/port": b"8001",
    "counter/return": b"1",
    "schema": b"1",
}
"""Values as the version of 2026-11-29 has written them. They stay as they are: a field that is added to a
kept resource must not make all that was kept before it unreadable."""


@pytest.mark.parametrize("key", KEPT)
def test_what_an_earlier_version_has_written_can_be_read(key: str) -> None:
    assert index(key, KEPT[key]) == key_terms.index(key, KEPT[key])


@pytest.mark.parametrize("key", [key for key in KEPT if key.startswith("instance/")])
def test_what_was_encoded_here_is_found_by_the_same_terms_as_what_is_parsed(key: str) -> None:
    ours = codec.Encoded(KEPT[key])
    assert codec.found_by(ours), "it does not begin as instances do"
    assert index(key, ours) == key_terms.index(key, KEPT[key])


def test_of_each_kind_of_resource_it_is_known_under_which_key_it_belongs() -> None:
    """A kind that is not known to the index would be unreadable as soon as it comes from a file."""
    assert KINDS.keys() <= _KEY_OF.keys()


@pytest.mark.parametrize("key", KEPT)
def test_what_lies_under_another_key_cannot(key: str) -> None:
    for value in {value for other, value in KEPT.items() if value != KEPT[key]}:
        if not (value.isdigit() and KEPT[key].isdigit()):
            assert index(key, value) == (UNREADABLE,)
    assert index(key + "x", KEPT[key]) == (UNREADABLE,)


def test_what_this_process_has_encoded_is_not_looked_at_again() -> None:
    """Each write of its own would be validated twice else. What is the same bytes from elsewhere is."""
    value = codec.encode(Service(**new(START), name="a"))
    assert index("service/b", value) == ("service/",)
    assert index("service/b", bytes(value)) == (UNREADABLE,)
