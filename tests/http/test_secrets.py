"""Secrets: written and never shown, given to the process's host alone, sealed in all that is kept."""

import json

import pytest

from app import keyring
from app.keyring import Keyring
from app.models import keys
from tests.http.expect import refused
from tests.http.other_hands import write
from tests.serving import APP, Service, serving

HOST = {"host": "10.0.0.7"}


def claimed(visor: Service, env: str | None = None) -> tuple[int, dict[str, object]]:
    """An instance that is claimed: its id, and what its host says of itself."""
    id = visor.ticket(env=env)
    claim_rev = visor.made(f"/instances/{id}/claim", HOST)["claim_rev"]
    return id, {**HOST, "claim_rev": claim_rev}


def put(visor: Service, key: str, value: str, app: str = "cat") -> str:
    """Set a secret; its fingerprint."""
    answer = visor.put(f"/apps/{app}/secrets/{key}", {"value": value})
    assert answer.status_code == 200, answer.text
    return answer.json()["fingerprint"]


def test_a_secret_is_set_shown_by_its_fingerprint_and_removed(visor):
    visor.made("/apps", {**APP, "env": {"cow": "moo"}})
    answer = visor.put("/apps/cat/secrets/PW", {"value": "horse"})
    shown = {"PW": {"rev": visor.nth(2), "fingerprint": answer.json()["fingerprint"]}}
    assert answer.json() == {"rev": visor.nth(2), "key": "PW", "fingerprint": shown["PW"]["fingerprint"]}
    assert answer.headers["ETag"] == visor.tag(2)
    assert visor.get("/apps/cat/secrets").json() == {"rev": visor.nth(2), "secrets": shown}
    app = visor.get("/apps/cat").json()
    assert (app["rev"], app["secrets"], app["env"]) == (visor.nth(2), shown, {"cow": "moo"})
    visor.put("/apps/cat/env/cow", {"value": "mu"})
    assert visor.get("/apps/cat/secrets").json() == {"rev": visor.nth(3), "secrets": shown}
    assert visor.get("/apps").json()["items"][0]["secrets"] == shown
    assert visor.delete("/apps/cat/secrets/PW").json() == {"rev": visor.nth(4)}
    assert visor.get("/apps/cat").json()["secrets"] == {}
    assert visor.get(f"/apps/cat?rev={visor.nth(2)}").json()["secrets"] == shown
    refused(visor.delete("/apps/cat/secrets/PW"), 404, "not-found")
    refused(visor.put("/apps/dog/secrets/PW", {"value": "x"}), 404, "not-found")
    refused(visor.get("/apps/dog/secrets"), 404, "not-found")


def test_the_value_it_has_makes_no_commit_and_another_has_another_fingerprint(visor):
    visor.made("/apps", APP)
    first = put(visor, "PW", "horse")
    assert put(visor, "PW", "horse") == first
    assert visor.rev == visor.nth(2)
    assert put(visor, "PW", "house") != first
    assert put(visor, "OTHER", "horse") != first
    assert visor.rev == visor.nth(4)


def test_each_change_of_a_secret_is_an_app_update_with_its_fingerprint(visor):
    visor.made("/apps", APP)
    first, second = put(visor, "PW", "horse"), put(visor, "PW", "house")
    visor.delete("/apps/cat/secrets/PW")
    events = visor.get(f"/events/list?rev={visor.nth(1)}").json()["items"]
    assert [(event["rev"], event["type"]) for event in events] == [
        (visor.nth(rev), "app-update") for rev in (2, 3, 4)
    ]
    assert [event["object"]["secrets"] for event in events] == [
        {"PW": {"rev": visor.nth(2), "fingerprint": first}},
        {"PW": {"rev": visor.nth(3), "fingerprint": second}},
        {},
    ]


def test_preconditions_hold_for_the_app_where_it_has_the_secret(visor):
    visor.made("/apps", APP)
    path, body = "/apps/cat/secrets/PW", {"value": "horse"}
    refused(visor.put(path, body, headers={"If-Match": "*"}), 412, "rev-mismatch")
    assert visor.put(path, body, headers={"If-None-Match": "*"}).status_code == 200
    refused(visor.put(path, {"value": "x"}, headers={"If-None-Match": "*"}), 412, "rev-mismatch")
    refused(visor.delete(path, headers={"If-Match": visor.tag(1)}), 412, "rev-mismatch")
    assert visor.delete(path, headers={"If-Match": visor.tag(2)}).status_code == 200


def test_a_process_gets_the_apps_variables_over_them_the_env_sets_over_them_the_secrets(visor):
    visor.runnable()
    visor.patch("/apps/cat/env", {"A": "app", "B": "app", "C": "app"})
    visor.made("/apps/cat/envs", {"ref": "prod", "vars": {"B": "set", "C": "set", "D": "set"}})
    put(visor, "C", "secret")
    put(visor, "E", "ü\n\t\x01")
    id, me = claimed(visor, "prod")
    answer = visor.post(f"/instances/{id}/env", me)
    wanted = {"A": "app", "B": "set", "C": "secret", "D": "set", "E": "ü\n\t\x01"}
    assert answer.json() == {"rev": visor.rev, "vars": wanted}
    assert answer.headers["Cache-Control"] == "no-store"
    visor.delete("/apps/cat/secrets/C")
    assert visor.post(f"/instances/{id}/env", me).json()["vars"] == {**wanted, "C": "set"}
    other, again = claimed(visor)
    assert visor.post(f"/instances/{other}/env", again).json()["vars"] == {
        "A": "app",
        "B": "app",
        "C": "app",
        "E": wanted["E"],
    }


def test_only_the_claimer_of_a_claimed_or_running_instance_gets_them(visor):
    visor.runnable()
    put(visor, "PW", "canary-7d1f")
    id, me = claimed(visor)
    env = f"/instances/{id}/env"
    answers = [
        refused(visor.post(env, {**me, "host": "10.0.0.8"}), 403, "not-claimer"),
        refused(visor.post(env, {**me, "claim_rev": me["claim_rev"] - 1}), 403, "not-claimer"),
        refused(visor.post(env, {**me, "claim_rev": me["claim_rev"] + 1}), 403, "not-claimer"),
        refused(visor.post(env, HOST), 422, "invalid-request"),
        refused(visor.post("/instances/999/env", me), 404, "not-found"),
    ]
    assert visor.post(env, me).json()["vars"] == {"PW": "canary-7d1f"}
    visor.made(f"/instances/{id}/start", {**me, "hostname": "box", "port": 1})
    assert visor.post(env, me).json()["vars"] == {"PW": "canary-7d1f"}
    visor.made(f"/instances/{id}/stop", {})
    answers.append(refused(visor.post(env, me), 409, "invalid-state"))
    visor.made(f"/instances/{id}/exit", me)
    answers.append(refused(visor.post(env, me), 409, "invalid-state"))
    visor.delete(f"/instances/{id}")
    answers.append(refused(visor.post(env, me), 409, "invalid-state"))
    other = visor.ticket()
    answers.append(refused(visor.post(f"/instances/{other}/env", me), 403, "not-claimer"))
    given_back, us = claimed(visor)
    visor.made(f"/instances/{given_back}/unclaim", us)
    answers.append(refused(visor.post(f"/instances/{given_back}/env", us), 403, "not-claimer"))
    assert "canary-7d1f" not in json.dumps(answers)


def test_reading_the_variables_changes_nothing(visor):
    visor.runnable()
    put(visor, "PW", "horse")
    id, me = claimed(visor)
    rev = visor.rev
    visor.post(f"/instances/{id}/env", me, headers={"Idempotency-Key": "once"})
    put(visor, "PW", "house")
    assert visor.rev == rev + (visor.nth(2) - visor.nth(1))
    again = visor.post(f"/instances/{id}/env", me, headers={"Idempotency-Key": "once"})
    assert again.json()["vars"] == {"PW": "house"}


def test_an_app_that_is_registered_anew_has_no_secrets(visor):
    visor.made("/apps", APP)
    put(visor, "PW", "horse")
    visor.delete("/apps/cat")
    visor.made("/apps", APP)
    assert visor.get("/apps/cat/secrets").json()["secrets"] == {}
    assert visor.context.store.stale().count(keys.SECRETS) == 0


@pytest.mark.parametrize("value", ["x\0y", "x" * (64 * 1024 + 1), "ü" * (32 * 1024 + 1), 7, None, "\ud800"])
def test_a_value_that_cannot_be_is_refused_and_not_repeated(full, value):
    rev = full.rev
    body = json.dumps({"value": value}).encode()
    answer = full.client.put(
        "/apps/cat/secrets/new", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert len(answer.text) < 1000
    assert full.rev == rev


def test_the_largest_value_goes_all_the_way(visor):
    visor.runnable()
    put(visor, "K" * 256, "\x01" * 64 * 1024)
    put(visor, "EMPTY", "")
    id, me = claimed(visor)
    assert visor.post(f"/instances/{id}/env", me).json()["vars"] == {
        "K" * 256: "\x01" * 64 * 1024,
        "EMPTY": "",
    }


def test_without_a_keyring_secrets_are_refused_and_the_rest_is_served():
    with serving(keyring_file=None) as visor:
        visor.runnable()
        problem = refused(visor.put("/apps/cat/secrets/PW", {"value": "x"}), 409, "no-keyring")
        assert "visor keys new" in problem["detail"]
        refused(visor.post("/keys/rewrite"), 409, "no-keyring")
        assert visor.get("/apps/cat/secrets").json()["secrets"] == {}
        visor.put("/apps/cat/env/cow", {"value": "moo"})
        id, me = claimed(visor)
        assert visor.post(f"/instances/{id}/env", me).json()["vars"] == {"cow": "moo"}


def test_what_was_sealed_with_a_key_that_is_not_here_is_409_and_can_be_set_anew(visor):
    visor.runnable()
    put(visor, "PW", "horse")
    id, me = claimed(visor)
    visor.context.keyring.take(Keyring({"other": b"o" * 32}))
    problem = refused(visor.post(f"/instances/{id}/env", me), 409, "no-keyring")
    assert "k1" in problem["detail"]
    assert 'visor_keys_in_use{kid="unknown"} 1.0' in visor.get("/metrics").text
    put(visor, "PW", "house")
    assert visor.post(f"/instances/{id}/env", me).json()["vars"] == {"PW": "house"}


def test_a_sealed_value_that_was_moved_to_another_key_is_refused(visor):
    visor.runnable()
    put(visor, "MINE", "canary-55ee")
    put(visor, "OTHER", "house")
    kept = visor.context.store.stale().get(keys.secret("cat", "MINE")).value
    write(visor, {keys.secret("cat", "OTHER"): kept})
    id, me = claimed(visor)
    answer = visor.post(f"/instances/{id}/env", me)
    refused(answer, 409, "invalid-state")
    assert "OTHER" in answer.text
    assert "canary-55ee" not in answer.text
    put(visor, "OTHER", "mended")
    assert visor.post(f"/instances/{id}/env", me).json()["vars"]["OTHER"] == "mended"


@pytest.mark.parametrize("value", [b'"v1.k1"', b"{}", b"7", b'"x.y.z.w"', b"\xff", b'"v1\\u002ek1.a.b"'])
def test_a_secret_of_another_hand_is_no_fault_of_the_service(value):
    with serving() as visor:
        visor.runnable()
        put(visor, "PW", "horse")
        write(visor, {keys.secret("cat", "PW"): value})
        id, me = claimed(visor)
        refused(visor.post(f"/instances/{id}/env", me), 409, "invalid-state")
        put(visor, "PW", "house")
        assert visor.post(f"/instances/{id}/env", me).json()["vars"] == {"PW": "house"}


@pytest.mark.parametrize("secrets", [[], {"PW": 7}, {}, "x", {"PW": {}}, None])
def test_an_app_whose_secrets_another_hand_has_written_is_unreadable_and_not_a_fault(secrets):
    with serving() as visor:
        visor.made("/apps", APP)
        kept = json.loads(visor.context.store.stale().get("app/cat").value)
        for said in ({"secrets": secrets, **kept}, {**kept, "secrets": secrets}):
            write(visor, {"app/cat": json.dumps(said, separators=(",", ":")).encode()})
            assert visor.get("/apps/cat").status_code in (200, 404)
            assert visor.get("/apps/cat/secrets").status_code in (200, 404)
            assert visor.put("/apps/cat/secrets/PW", {"value": "x"}).status_code in (200, 404)
            assert visor.get("/apps").status_code == 200


def test_a_rewrite_seals_all_anew_without_an_event_or_a_change_of_an_app(visor, tmp_path):
    visor.runnable()
    for number in range(120):
        put(visor, f"S{number}", f"value {number}")
    id, me = claimed(visor)
    before = visor.get("/apps/cat").json()
    rev = visor.rev
    file = tmp_path / "keyring"
    old = visor.context.keyring
    new = keyring.add_key(str(file))
    ring = keyring.load(str(file))
    visor.context.keyring.take(Keyring({**ring._keys, **old._keys}))
    assert f'visor_keys_in_use{{kid="{new}"}} 0.0' in visor.get("/metrics").text
    first, second, third = (visor.post("/keys/rewrite").json() for _ in range(3))
    assert (first["rewritten"], first["left"]) == (100, 20)
    assert (second["rewritten"], second["left"]) == (20, 0)
    assert (third["rewritten"], third["left"], third["rev"]) == (0, 0, second["rev"])
    assert f'visor_keys_in_use{{kid="{new}"}} 120.0' in visor.get("/metrics").text
    assert 'visor_keys_in_use{kid="k1"} 0.0' in visor.get("/metrics").text
    assert visor.get("/apps/cat").json() == before
    assert visor.get(f"/events/list?rev={rev}").json()["items"] == []
    visor.context.keyring.take(ring)
    assert visor.post(f"/instances/{id}/env", me).json()["vars"] == {
        f"S{n}": f"value {n}" for n in range(120)
    }


def test_secrets_stay_as_they_are_when_their_app_goes_back(visor):
    """Neither a revert nor an undo brings an older value back, and neither may lose the one there is."""
    visor.runnable()
    first = visor.rev
    put(visor, "PW", "horse")
    visor.put("/apps/cat/env/cow", {"value": "moo"})
    set_at = visor.get("/apps/cat").json()["secrets"]["PW"]["rev"]
    answer = visor.post("/revert", {"path": "/apps/cat", "to_rev": first})
    assert answer.status_code == 200, answer.text
    app = visor.get("/apps/cat").json()
    assert (app["env"], app["secrets"].keys(), app["secrets"]["PW"]["rev"]) == ({}, {"PW"}, set_at)
    put(visor, "PW", "house")
    answer = visor.post(f"/commits/{visor.rev}/undo", {})
    assert answer.status_code == 200, answer.text
    id, me = claimed(visor)
    assert visor.post(f"/instances/{id}/env", me).json()["vars"] == {"PW": "house"}


def test_an_app_that_comes_back_by_a_revert_comes_without_secrets(visor):
    visor.made("/apps", APP)
    put(visor, "PW", "horse")
    before = visor.rev
    visor.delete("/apps/cat")
    answer = visor.post("/revert", {"path": "/apps/cat", "to_rev": before})
    assert answer.status_code == 200, answer.text
    assert visor.get("/apps/cat/secrets").json()["secrets"] == {}
    put(visor, "PW", "horse")
