"""The rules of an app's variables on plain data."""

import pytest

from app.errors import NotFound
from app.models import keys
from app.models.app import App
from app.registry import env
from tests.unit.plain_registry import Registry

CAT = keys.app("cat")


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ({}, {"a": "1"}, {"a": "1"}),
        ({"a": "1"}, {"a": "2"}, {"a": "2"}),
        ({"a": "1"}, {"A": "2"}, {"a": "1", "A": "2"}),
        ({"a": "1", "b": "2"}, {"a": None}, {"b": "2"}),
        ({"a": "1", "b": "2"}, {"a": None, "c": "3", "none": None}, {"b": "2", "c": "3"}),
        ({"a": "1"}, {"a": ""}, {"a": ""}),
    ],
)
def test_a_patch_sets_and_removes_in_one_change_of_the_app(before, changes, after):
    registry = Registry().with_app(**before)
    made = registry.do(env.patch, "cat", changes)
    assert set(made.puts) == {CAT}
    app = registry.read(CAT, App)
    assert app.env == after
    assert (app.rev, app.created_rev, app.updated_at) == (2, 1, registry.at)


@pytest.mark.parametrize("changes", [{}, {"a": "1"}, {"none": None}])
def test_a_patch_that_changes_nothing_is_no_commit(changes):
    Registry().with_app(a="1").unchanged(env.patch, "cat", changes, answer=CAT)


def test_a_variable_is_removed():
    registry = Registry().with_app(a="1", b="2")
    registry.do(env.remove, "cat", "a")
    assert registry.read(CAT, App).env == {"b": "2"}


def test_what_is_not_there():
    registry = Registry().with_app()
    assert "variable a of app cat" in registry.refuse(NotFound, env.remove, "cat", "a", rev=1).detail
    for rule, *args in ((env.remove, "dog", "a"), (env.patch, "dog", {"a": "1"})):
        assert "app dog" in registry.refuse(NotFound, rule, *args, rev=1).detail
