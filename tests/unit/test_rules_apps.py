"""The rules of apps on plain data."""

import pytest

from app.errors import AlreadyExists, BodyTooLarge, InUse, InvalidRequest, NotFound
from app.models import keys
from app.models.app import App, AppCreate, AppPatch
from app.models.envset import EnvSetCreate
from app.models.instance import Claim, InstanceCreate, Loss, Start
from app.registry import apps, claims, env, envsets, life, tickets
from tests.unit.plain_registry import BEGINNING, Registry

CAT = keys.app("cat")
BODY = AppCreate(name="cat", repo_url="https://git.example.com/cat.git", stack="lenny", env={"cow": "moo"})


def test_registering_puts_the_app_and_answers_with_it():
    registry = Registry()
    changes = registry.do(apps.register, BODY)
    assert set(changes.puts) == {CAT}
    assert changes.answer == CAT
    app = registry.read(CAT, App)
    assert (app.name, app.stack, app.deploy_type, app.head) == ("cat", "lenny", "lxc", None)
    assert app.env == {"cow": "moo"}
    assert (app.rev, app.created_rev) == (1, 1)
    assert app.created_at == app.updated_at == registry.at > BEGINNING


def test_a_registered_name_is_refused_and_says_since_when():
    registry = Registry().with_app("dog").with_app()
    error = registry.refuse(AlreadyExists, apps.register, BODY)
    assert "rev 2" in error.detail


def test_a_patch_changes_what_it_says_and_keeps_the_rest():
    registry = Registry().with_app(cow="moo")
    before = registry.read(CAT, App)
    registry.do(apps.patch, "cat", AppPatch(stack="buster"))
    after = registry.read(CAT, App)
    assert after == before.model_copy(update={"stack": "buster", "rev": 2, "updated_at": registry.at})
    assert after.updated_at > after.created_at


@pytest.mark.parametrize(
    "body", [AppPatch(), AppPatch(stack="lenny"), AppPatch(head=None), AppPatch(deploy_type=None)]
)
def test_a_patch_that_changes_nothing_is_no_commit(body):
    Registry().with_app().unchanged(apps.patch, "cat", body, answer=CAT)


def test_a_null_puts_the_default_back():
    registry = Registry().with_app()
    registry.do(apps.patch, "cat", AppPatch(deploy_type="docker"))
    registry.do(apps.patch, "cat", AppPatch(deploy_type=None))
    assert registry.read(CAT, App).deploy_type == "lxc"


def test_a_head_has_to_be_a_revision_of_the_app():
    registry = Registry().with_app().with_app("dog").with_revision(app="dog")
    error = registry.refuse(InvalidRequest, apps.patch, "cat", AppPatch(head="128af9"))
    assert error.members["errors"][0]["loc"] == ["body", "head"]
    registry.with_revision(accepted=False)
    registry.do(apps.patch, "cat", AppPatch(head="128af9"))
    assert registry.read(CAT, App).head == "128af9"


def test_what_is_not_there_is_said_with_the_rev():
    registry = Registry().with_app("dog")
    for rule, *args in ((apps.patch, "cat", AppPatch()), (apps.unregister, "cat")):
        error = registry.refuse(NotFound, rule, *args, rev=1)
        assert "app cat at rev 1" in error.detail


def test_unregistering_takes_the_app_and_what_is_below_it_only():
    registry = Registry()
    for name in ("cat", "cat-2"):
        registry.with_app(name).with_revision(app=name).with_proctype(app=name)
        registry.do(envsets.register, name, EnvSetCreate(ref="prod", vars={}))
    ports = registry.record(keys.PORT_COUNTER).value
    changes = registry.do(apps.unregister, "cat")
    assert changes.answer is None
    assert set(registry.picture()) == {
        "app/cat-2",
        "revision/cat-2,128af9",
        "proctype/cat-2,web",
        "envset/cat-2,prod",
        "counter/port",
    }
    assert registry.record(keys.PORT_COUNTER).value == ports, "a port is not free again"


def test_an_instance_that_is_not_final_holds_the_app():
    registry = Registry().with_app().with_revision().with_proctype()
    registry.do(tickets.register, InstanceCreate(app="cat", revision="128af9", proctype="web"))
    claim = Claim(host="10.0.0.7")
    start = Start(host=claim.host, hostname="box7", port=1)
    steps = [
        lambda: registry.do(claims.claim, 1, claim.host),
        lambda: registry.do(life.start, 1, start),
        lambda: registry.do(life.stop, 1),
    ]
    for status, step in zip(("pending", "claimed", "running", "stopping"), [*steps, None], strict=True):
        error = registry.refuse(InUse, apps.unregister, "cat")
        assert f"Instance 1 of cat is {status}" in error.detail
        if step:
            step()
    registry.do(life.lose, 1, Loss(client="tests", reason="gone"))
    registry.do(apps.unregister, "cat")
    assert set(registry.picture()) == {keys.instance(1), keys.INSTANCE_COUNTER, keys.PORT_COUNTER}


def test_an_app_that_grows_too_large_is_refused():
    registry = Registry().with_app()
    registry.do(env.patch, "cat", {f"k{n}": "x" * 65536 for n in range(15)})
    registry.refuse(BodyTooLarge, env.patch, "cat", {"k15": "x" * 65536}, limit=2**20)
