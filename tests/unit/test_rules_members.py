"""The rules of members on plain data."""

import pytest

from app.errors import InvalidRequest, NotFound
from app.models import keys
from app.models.member import Member, MemberKind, MemberSet
from app.registry import members
from tests.unit.plain_registry import Registry

PMS = MemberKind.PMS
KEY = keys.member("pms", "10.0.0.7")


def test_a_member_without_a_ttl_lives_by_no_lease():
    registry = Registry()
    changes = registry.do(members.put, PMS, "10.0.0.7", MemberSet(version="1"))
    assert (set(changes.puts), changes.ttls, changes.renews, changes.answer) == ({KEY}, {}, set(), KEY)
    member = registry.read(KEY, Member)
    assert (member.kind, member.addr, member.version, member.ttl) == (PMS, "10.0.0.7", "1", None)


def test_a_member_with_a_ttl_lives_by_a_lease_and_renews_it_without_a_commit():
    registry = Registry()
    changes = registry.do(members.put, PMS, "10.0.0.7", MemberSet(version="1", ttl=30))
    assert (changes.ttls, changes.renews) == ({KEY: 30}, set())
    changes = registry.do(members.put, PMS, "10.0.0.7", MemberSet(version="1", ttl=30))
    assert changes.empty
    assert (changes.ttls, changes.renews, changes.answer) == ({}, {KEY}, KEY)
    assert registry.rev == 1


def test_what_is_known_already_is_no_commit():
    registry = Registry()
    registry.do(members.put, PMS, "10.0.0.7", MemberSet(version="1"))
    registry.unchanged(members.put, PMS, "10.0.0.7", MemberSet(version="1"), answer=KEY)


@pytest.mark.parametrize(
    ("body", "ttls"),
    [
        (MemberSet(version="2"), {}),
        (MemberSet(version="1", ttl=60), {KEY: 60}),
        (MemberSet(version="2", ttl=30), {KEY: 30}),
    ],
)
def test_a_new_version_or_ttl_is_a_change(body, ttls):
    registry = Registry()
    registry.do(members.put, PMS, "10.0.0.7", MemberSet(version="1", ttl=30))
    changes = registry.do(members.put, PMS, "10.0.0.7", body)
    assert (set(changes.puts), changes.ttls, changes.renews) == ({KEY}, ttls, set())
    member = registry.read(KEY, Member)
    assert (member.version, member.ttl, member.created_rev, member.rev) == (body.version, body.ttl, 1, 2)


@pytest.mark.parametrize(
    ("kind", "addr"),
    [
        (MemberKind.LOGGERS, "10.0.0.7"),
        (MemberKind.LOGGERS, "::1"),
        (MemberKind.PMS, "10.0.0.7:80"),
        (MemberKind.PROXIES, "[::1]:80"),
    ],
)
def test_loggers_alone_have_a_port(kind, addr):
    registry = Registry()
    for rule, *args in ((members.put, kind, addr, MemberSet(version="1")), (members.remove, kind, addr)):
        error = registry.refuse(InvalidRequest, rule, *args)
        assert error.members["errors"][0]["loc"] == ["path", "addr"]


def test_a_member_is_removed_once():
    registry = Registry()
    registry.do(members.put, PMS, "10.0.0.7", MemberSet(version="1"))
    registry.do(members.remove, PMS, "10.0.0.7")
    registry.refuse(NotFound, members.remove, PMS, "10.0.0.7", rev=2)
    registry.refuse(NotFound, members.remove, MemberKind.PROXIES, "10.0.0.7", rev=2)
