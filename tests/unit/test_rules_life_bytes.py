"""What hosts do is written without a model of the instance: it is the same, byte for byte, as with one."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.models import codec, keys
from app.models.instance import ClaimEntry, Instance, Lock, Restarts, Status
from app.registry.live_instance import LiveInstance
from app.registry.readable import index
from app.registry.state import update
from app.store.records import Record

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 10**15).map(lambda count: BEGIN + timedelta(microseconds=count))
TEXTS = st.text(max_size=40)
HOSTS = st.sampled_from(["10.0.0.7", "box7", "a.example.com"])
NOW = datetime(2031, 1, 1, 12, 30, tzinfo=UTC)
REV = 9


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


INSTANCES = st.builds(
    Instance,
    rev=st.just(codec.THIS_REV),
    created_rev=st.just(codec.THIS_REV),
    created_at=TIMES,
    updated_at=TIMES,
    id=st.just(7),
    app=st.just("cat"),
    revision=st.just("r1"),
    proctype=st.just("web"),
    env=maybe(st.just("prod")),
    status=st.sampled_from(Status),
    host=maybe(HOSTS),
    ip=maybe(st.just("10.0.0.7")),
    hostname=maybe(HOSTS),
    port=maybe(st.integers(1, 65535)),
    tele_port=maybe(st.integers(1, 65535)),
    claims=st.lists(st.builds(ClaimEntry, host=HOSTS, at=TIMES, error=maybe(TEXTS)), max_size=5),
    restarts=st.builds(Restarts, fail=st.integers(0, 9), oom=st.integers(0, 9)),
    lock=maybe(st.builds(Lock, client=TEXTS, reason=TEXTS, at=TIMES)),
    reason=maybe(TEXTS),
    lost_by=maybe(TEXTS),
    # 0: of this commit, so that it is left out of what is kept.
    claim_rev=st.sampled_from([None, codec.THIS_REV, 3]),
    registered_at=TIMES,
    claimed_at=maybe(TIMES),
    started_at=maybe(TIMES),
    stopped_at=maybe(TIMES),
    ended_at=maybe(TIMES),
)

FIELDS = sorted(set(Instance.model_fields) - {"rev", "created_rev", "id", "created_at", "updated_at"})


def record_of(instance: Instance) -> Record:
    value = codec.encode(instance)
    key = keys.instance(instance.id)
    return Record(key, value, 3, REV, terms=index(key, value))


def as_an_older_version_had_it(record: Record) -> Record:
    """The same with hosts in other spellings."""
    value = record.value.replace(b'"host":"box7"', b'"host":"Box7."')
    return Record(record.key, value, 3, REV, terms=index(record.key, value))


@given(INSTANCES, INSTANCES, st.sets(st.sampled_from(FIELDS), min_size=1), st.booleans())
def test_a_change_of_any_fields_is_kept_as_a_model_would_have_it(
    instance: Instance, wanted: Instance, names: set[str], older: bool
) -> None:
    """Of any instance, for any of its fields: the same value in the same order, and none where nothing
    differs. Hosts that an older version kept in another spelling are in their one spelling after it."""
    record = record_of(instance)
    if older:
        record = as_an_older_version_had_it(record)
    plain = {name: wanted.model_dump(mode="json")[name] for name in names}
    typed = {name: getattr(wanted, name) for name in names}
    expected = update(record.key, codec.decode(record, Instance), NOW, **typed)
    assert LiveInstance(record).changed(NOW, **plain) == expected


@given(INSTANCES)
def test_what_is_said_again_changes_nothing(instance: Instance) -> None:
    record = record_of(instance)
    kept = codec.decode(record, Instance).model_dump(mode="json")
    changes = LiveInstance(record).changed(
        NOW, **{name: kept[name] for name in FIELDS if name != "claim_rev"}
    )
    assert changes.empty
    assert changes.answer == record.key


@given(INSTANCES)
def test_the_four_fields_that_rules_ask_for_are_those_of_the_model(instance: Instance) -> None:
    record = record_of(instance)
    seen, model = LiveInstance(record), codec.decode(record, Instance)
    assert (seen.id, seen.status, seen.host, seen.claim_rev) == (
        model.id,
        model.status,
        model.host,
        model.claim_rev,
    )
