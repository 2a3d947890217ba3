"""Rules of secrets: what is shown is part of the app, what is kept stands apart, and goes with the app."""

import pytest

from app.errors import InvalidRequest, NotFound
from app.models import keys
from app.models.app import App, AppPatch
from app.models.secret import SecretEntry
from app.registry import app_secrets, apps, env
from app.registry.app_secrets import SealedSecret
from app.store.snapshots import scan
from tests.unit.plain_registry import Registry

CAT = keys.app("cat")


def sealed(text: str) -> SealedSecret:
    """As if the text were sealed."""
    return SealedSecret(f'"v1.k1.{text}"'.encode(), text[:8])


def differs(record) -> bool:
    return False


@pytest.fixture
def registry() -> Registry:
    return Registry().with_app("cat")


def test_a_secret_is_shown_with_the_rev_at_which_it_was_set(registry):
    registry.do(app_secrets.put, "cat", "A", sealed("one"), differs)
    first = registry.rev
    registry.do(app_secrets.put, "cat", "B", sealed("two"), differs)
    registry.do(env.patch, "cat", {"secrets": "x", "cow": "moo"})
    registry.do(apps.patch, "cat", AppPatch(stack="buster"))
    app = registry.read(CAT, App)
    assert app.secrets == {
        "A": SecretEntry(rev=first, fingerprint="one"),
        "B": SecretEntry(rev=first + 1, fingerprint="two"),
    }
    assert (app.stack, app.env["secrets"], app.rev) == ("buster", "x", registry.rev)


def test_a_variable_that_is_called_secrets_is_no_secret(registry):
    registry.do(env.patch, "cat", {"secrets": "x"})
    assert registry.read(CAT, App).secrets == {}


def test_the_value_it_has_makes_no_change(registry):
    registry.do(app_secrets.put, "cat", "A", sealed("one"), differs)
    changes = registry.do(app_secrets.put, "cat", "A", sealed("uno"), lambda record: True)
    assert changes.empty
    assert changes.answer == CAT


def test_a_removed_secret_leaves_nothing(registry):
    before = registry.read(CAT, App).model_dump(exclude={"rev", "updated_at"})
    registry.do(app_secrets.put, "cat", "A", sealed("one"), differs)
    changes = registry.do(app_secrets.remove, "cat", "A")
    assert changes.deletes == {keys.secret("cat", "A")}
    assert scan(registry.snapshot, keys.SECRETS) == []
    assert registry.read(CAT, App).model_dump(exclude={"rev", "updated_at"}) == before
    assert b"secrets" not in registry.snapshot.get(CAT).value
    registry.refuse(NotFound, app_secrets.remove, "cat", "A")


def test_secrets_go_with_their_app_and_no_others(registry):
    registry.with_app("cat-2")
    for app in ("cat", "cat-2"):
        registry.do(app_secrets.put, app, "A", sealed("one"), differs)
    registry.do(apps.unregister, "cat")
    assert [record.key for record in scan(registry.snapshot, keys.SECRETS)] == [keys.secret("cat-2", "A")]
    registry.with_app("cat")
    assert registry.read(CAT, App).secrets == {}


def test_an_app_has_so_many_secrets_and_no_more(registry, monkeypatch):
    monkeypatch.setattr(app_secrets, "MAX_SECRETS", 2)
    for key in "AB":
        registry.do(app_secrets.put, "cat", key, sealed("one"), differs)
    registry.refuse(InvalidRequest, app_secrets.put, "cat", "C", sealed("one"), differs)
    registry.do(app_secrets.put, "cat", "A", sealed("two"), differs)


def test_the_secrets_of_an_app_take_a_mebibyte_together(registry):
    most = app_secrets.MAX_SEALED // 2
    half = SealedSecret(b"v1.k1." + b"x" * (most - 6), "one")
    for key in "AB":
        registry.do(app_secrets.put, "cat", key, half, differs)
    registry.refuse(InvalidRequest, app_secrets.put, "cat", "C", sealed("one"), differs)
    registry.do(app_secrets.put, "cat", "B", half, differs)
    registry.with_app("dog")
    registry.do(app_secrets.put, "dog", "C", half, differs)


def test_what_is_to_be_sealed_anew_comes_in_batches_of_a_hundred(registry):
    registry.with_app("dog")
    for number in range(130):
        registry.do(app_secrets.put, ("cat", "dog")[number % 2], f"S{number}", sealed("one"), differs)
    batches = []
    while batch := app_secrets.to_rewrite(registry.snapshot, ("k2", "k1"), lambda record: False):
        puts = {record.key: (record.value, b'"v1.k2.new"') for record in batch}
        before = registry.read(CAT, App)
        assert registry.do(app_secrets.rewrite, puts).result == len(batch)
        assert registry.read(CAT, App) == before
        batches.append(len(batch))
    assert batches == [100, 30]
    assert app_secrets.unknown_key_ids(registry.snapshot, ("k2",)) == set()
    assert app_secrets.unknown_key_ids(registry.snapshot, ("k1",)) == {"k2"}


def test_a_batch_is_bounded_by_bytes_too_and_passes_by_what_does_not_open(registry):
    large = SealedSecret(b'"v1.k1.' + b"x" * 200_000 + b'"', "one")
    for key in "ABCD":
        registry.do(app_secrets.put, "cat", key, large, differs)
    found = app_secrets.to_rewrite(registry.snapshot, ("k2", "k1"), lambda record: record.key.endswith(",A"))
    assert [record.key[-1] for record in found] == ["B", "C"]


def test_a_secret_that_was_set_meanwhile_is_not_overwritten(registry):
    registry.do(app_secrets.put, "cat", "A", sealed("one"), differs)
    old = registry.snapshot.get(keys.secret("cat", "A")).value
    registry.do(app_secrets.put, "cat", "A", sealed("two"), differs)
    assert registry.do(app_secrets.rewrite, {keys.secret("cat", "A"): (old, b'"v1.k2.new"')}).empty
