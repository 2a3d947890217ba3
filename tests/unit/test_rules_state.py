"""How rules read and change typed resources, and the counters, on plain data."""

import pytest

from app.errors import AlreadyExists, BodyTooLarge, NotFound
from app.models import codec, keys
from app.models.app import App
from app.registry import counters, restored
from app.registry.state import amend, create, exists, find, missing, need, new, update
from app.store.contract import Changes
from tests.unit.plain_registry import BEGINNING, Registry

CAT = keys.app("cat")


@pytest.fixture
def registry() -> Registry:
    return Registry().with_app(cow="moo")


def test_what_is_there_is_found_with_its_revs(registry):
    for app in (find(registry.snapshot, CAT, App), need(registry.snapshot, CAT, App, "app cat")):
        assert (app.name, app.rev, app.created_rev, app.env) == ("cat", 1, 1, {"cow": "moo"})
    assert exists(registry.snapshot, CAT, "app cat").key == CAT


def test_what_is_not_there(registry):
    assert find(registry.snapshot, keys.app("dog"), App) is None
    for look in (
        lambda: need(registry.snapshot, keys.app("dog"), App, "app dog"),
        lambda: exists(registry.snapshot, keys.app("dog"), "app dog"),
    ):
        with pytest.raises(NotFound, match="There is no app dog at rev 1") as error:
            look()
        assert error.value.rev == 1
    assert missing("x", registry.snapshot).rev == 1


def test_an_update_leaves_the_resource_it_was_given(registry):
    app = registry.read(CAT, App)
    before = app.model_copy(deep=True)
    changes = update(CAT, app, BEGINNING, env={**app.env, "dog": "woof"})
    assert app == before
    assert b'"updated_at":"2026-01-01T00:00:00.000000Z"' in changes.puts[CAT]


def test_an_update_that_changes_nothing_is_empty_even_at_another_time(registry):
    app = registry.read(CAT, App)
    changes = update(CAT, app, BEGINNING.replace(year=2030), stack=app.stack, env=dict(app.env))
    assert changes.empty
    assert changes.answer == CAT


def test_what_is_kept_has_no_revs_of_its_own(registry):
    """The store puts them in: the same bytes at any rev."""
    value = registry.record(CAT).value
    assert b'"rev"' not in value
    assert b'"created_rev"' not in value
    assert codec.wire(registry.record(CAT)).startswith(b'{"rev":1,"created_rev":1,"created_at":')


def test_creating_where_something_is(registry):
    with pytest.raises(AlreadyExists, match="registered at rev 1"):
        create(registry.snapshot, CAT, registry.read(CAT, App), "an app cat")


def test_new_things_have_the_time_of_the_commit():
    said = new(BEGINNING)
    assert said["created_at"] == said["updated_at"] == BEGINNING


def test_a_counter_begins_and_goes_on():
    registry = Registry()
    assert counters.read(registry.snapshot, keys.PORT_COUNTER, 8000) == 8000
    changes = Changes()
    counters.write(changes, keys.PORT_COUNTER, 8001)
    registry.do(lambda snapshot, at: changes)
    assert counters.read(registry.snapshot, keys.PORT_COUNTER, 8000) == 8001


@pytest.mark.parametrize(("kept", "rev", "following"), [(None, 50, 50), (7, 50, 50), (70, 50, 70)])
def test_a_restored_registry_gives_no_id_again(kept, rev, following):
    registry = Registry()
    if kept is not None:
        registry.do(lambda snapshot, at: Changes(puts={keys.INSTANCE_COUNTER: b"%d" % kept}))
    changes = registry.do(restored.adjust, rev)
    assert changes.puts == {keys.INSTANCE_COUNTER: b"%d" % following}


def test_what_is_kept_is_the_same_read_as_plain_json(registry):
    """To read a resource so and keep it again changes no byte of it, whatever it holds."""
    odd = Registry().with_app(cow='"\\\x01\x1f\x7f\u2028é€😀/', dog="")
    for record in (registry.record(CAT), odd.record(CAT)):
        assert codec.keep(codec.kept(record)) == record.value


def test_an_amendment_is_the_update_of_the_model(registry):
    record, app = registry.record(CAT), registry.read(CAT, App)
    env = {**app.env, "dog": 'w"oo\\f \x07 é😀'}
    amended = amend(record, codec.kept(record), BEGINNING.replace(year=2030), env=env)
    assert amended == update(CAT, app, BEGINNING.replace(year=2030), env=env)
    assert amend(record, codec.kept(record), BEGINNING, env=dict(app.env)) == Changes(answer=CAT)


def test_an_amendment_has_the_bound_of_a_resource(registry):
    record = registry.record(CAT)
    with pytest.raises(BodyTooLarge):
        amend(record, codec.kept(record), BEGINNING, env={"cow": "x" * codec.MAX_RESOURCE})
