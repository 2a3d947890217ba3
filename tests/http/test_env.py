"""An app's variables: many at once or one by one; a change of one is a change of the app."""

from app.models.app import EnvVar
from tests.http.expect import refused
from tests.serving import APP


def test_variables_are_read_together_and_alone(visor):
    visor.made("/apps", {**APP, "env": {"cow": "moo", "dog": ""}})
    assert visor.get("/apps/cat/env").json() == {"rev": visor.nth(1), "vars": {"cow": "moo", "dog": ""}}
    assert visor.get("/apps/cat/env/cow").json() == {"rev": visor.nth(1), "key": "cow", "value": "moo"}
    assert visor.get("/apps/cat/env/dog").json()["value"] == ""
    refused(visor.get("/apps/cat/env/COW"), 404, "not-found", rev=visor.nth(1))


def test_a_variable_is_set_whether_it_was_there_or_not(visor):
    visor.made("/apps", APP)
    for rev, value in ((visor.nth(2), "moo"), (visor.nth(3), "mu")):
        answer = visor.put("/apps/cat/env/cow", {"value": value})
        assert answer.status_code == 200
        assert answer.json() == {"rev": rev, "key": "cow", "value": value}
        assert answer.headers["ETag"] == f'"{rev}"'
    app = visor.get("/apps/cat").json()
    assert (app["rev"], app["created_rev"], app["env"]) == (visor.nth(3), visor.nth(1), {"cow": "mu"})


def test_setting_what_is_so_makes_no_commit(visor):
    visor.made("/apps", {**APP, "env": {"cow": "moo"}})
    answer = visor.put("/apps/cat/env/cow", {"value": "moo"})
    assert (answer.status_code, answer.json()["rev"], visor.rev) == (200, visor.nth(1), visor.nth(1))
    assert visor.patch("/apps/cat/env", {"cow": "moo", "none": None}).json()["rev"] == visor.nth(1)
    assert visor.patch("/apps/cat/env", {}).json()["rev"] == visor.nth(1)
    assert visor.rev == visor.nth(1)


def test_many_variables_change_in_one_commit(visor):
    visor.made("/apps", {**APP, "env": {"stays": "1", "goes": "2", "changes": "3"}})
    answer = visor.patch("/apps/cat/env", {"goes": None, "changes": "4", "comes": "5", "never": None})
    wanted = {"stays": "1", "changes": "4", "comes": "5"}
    assert answer.json() == {"rev": visor.nth(2), "vars": wanted}
    assert visor.get("/apps/cat").json()["env"] == wanted
    assert visor.rev == visor.nth(2)


def test_a_change_with_one_bad_variable_changes_none(visor):
    visor.made("/apps", APP)
    refused(visor.patch("/apps/cat/env", {"good": "1", "b=d": "2"}), 422, "invalid-request")
    assert visor.get("/apps/cat/env").json() == {"rev": visor.nth(1), "vars": {}}


def test_a_variable_is_removed(visor):
    visor.made("/apps", {**APP, "env": {"cow": "moo", "dog": "woof"}})
    answer = visor.delete("/apps/cat/env/cow")
    assert (answer.status_code, answer.json()) == (200, {"rev": visor.nth(2)})
    assert visor.get("/apps/cat/env").json() == {"rev": visor.nth(2), "vars": {"dog": "woof"}}
    refused(visor.delete("/apps/cat/env/cow"), 404, "not-found")
    assert visor.get(f"/apps/cat/env/cow?rev={visor.nth(1)}").json()["value"] == "moo"
    assert visor.rev == visor.nth(2)


def test_an_empty_value_is_a_value(visor):
    visor.made("/apps", APP)
    visor.put("/apps/cat/env/cow", {"value": ""})
    assert visor.get("/apps/cat/env/cow").json()["value"] == ""


def test_variables_of_an_app_that_is_not_there(visor):
    refused(visor.get("/apps/cat/env"), 404, "not-found")
    refused(visor.get("/apps/cat/env/cow"), 404, "not-found")
    refused(visor.patch("/apps/cat/env", {"cow": "moo"}), 404, "not-found")
    refused(visor.put("/apps/cat/env/cow", {"value": "moo"}), 404, "not-found")
    refused(visor.delete("/apps/cat/env/cow"), 404, "not-found")
    assert visor.rev == visor.nth(0)


def test_variables_keep_the_order_and_the_spelling_they_were_given(visor):
    visor.made("/apps", {**APP, "env": {"b": "1", "a": "2"}})
    visor.put("/apps/cat/env/COW_BELL", {"value": "1"})
    visor.put("/apps/cat/env/cow-bell", {"value": "2"})
    assert list(visor.get("/apps/cat/env").json()["vars"]) == ["b", "a", "COW_BELL", "cow-bell"]


def test_a_variable_is_said_as_its_model_says_it(visor):
    """Byte for byte, however it is answered: just set, read alone, and set again."""
    visor.made("/apps", APP)
    for value in ('"quoted"\\', "\x01\x1f\x7f", "\u2028é€😀", "/<&>", ""):
        for _ in range(2):
            answer = visor.put("/apps/cat/env/cow", {"value": value})
            model = EnvVar(rev=answer.json()["rev"], key="cow", value=value)
            assert answer.content == model.model_dump_json().encode()
            assert visor.get("/apps/cat/env/cow").content == answer.content
