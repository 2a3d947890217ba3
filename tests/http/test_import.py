"""POST /import: what a registry has exported another one takes in, as it was."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.http import importing
from tests.http.every_route import FILL, play
from tests.http.expect import refused
from tests.http.import_files import APP, INSTANCE, LINES, MEMBER, PROCTYPE, WHOLE, file_of
from tests.serving import Service, serving

LATER = "2026-11-30T18:04:12.000000Z"


def sent(visor: Service, file: bytes, query: str = "", **headers: str) -> Any:
    return visor.post(f"/import{query}", content=file, headers={**LINES, **headers})


def done(visor: Service, file: bytes, query: str = "", **headers: str) -> Any:
    """What an import says that has to succeed."""
    answer = sent(visor, file, query, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def objects(file: bytes) -> dict[str, Any]:
    """What an export has, by path, without revs: these are another registry's. A claim's stays."""
    lines = list(map(json.loads, file.splitlines()))[1:-1]
    for each in lines:
        del each["object"]["rev"], each["object"]["created_rev"]
        for secret in each["object"].get("secrets", {}).values():
            del secret["rev"]
    return {each.pop("path"): each for each in lines}


def exported(visor: Service, query: str = "") -> dict[str, Any]:
    return objects(visor.get(f"/export{query}").content)


@pytest.fixture(scope="module")
def export() -> Iterator[bytes]:
    """Of a registry with one of everything: pending, claimed, running and ended instances, a head."""
    with serving() as visor:
        play(visor, FILL)
        visor.patch("/apps/cat", {"head": "128af9"})
        visor.scale(4)
        for number in range(2):
            claimed = visor.made("/instances/claim", {"host": f"10.0.0.{number}"})
        start = {"host": claimed["host"], "hostname": "box", "port": 20001}
        visor.made(f"/instances/{claimed['id']}/start", start)
        visor.scale(3)
        visor.put("/members/loggers/10.0.0.7:514", {"ttl": 3600})
        yield visor.get("/export").content


@pytest.fixture
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three objects a commit."""
    monkeypatch.setattr(importing, "OBJECTS", 3)


def test_a_round_trip_is_exact(visor: Service, export: bytes) -> None:
    """Ids, ports, claims and their tokens, ended entries, targets and times stay; revs are new."""
    said = done(visor, export)
    count = len(export.splitlines()) - 2
    assert said == {
        "rev": visor.rev,
        "objects": count,
        "imported": count,
        "unchanged": 0,
        "left": 0,
        "commits": 1,
        "secrets": 1,
        "ports": [],
    }
    assert exported(visor) == objects(export)
    # What comes is counted on above it, and what a host was told before counts on.
    following = json.loads(export.splitlines()[0])["next"]
    running = next(one for one in visor.get("/instances?status=running").json()["items"])
    assert running["claim_rev"] != running["rev"]
    claim = {"host": running["host"], "claim_rev": running["claim_rev"]}
    assert visor.post(f"/instances/{running['id']}/exit", claim).status_code == 200
    assert visor.ticket() == following["instance"]
    assert visor.made("/apps/cat/proctypes", {"name": "worker"})["port"] == following["port"]
    ended = visor.get("/apps/cat/proctypes/web/ended").json()["items"]
    assert [each["reason"] for each in ended] == ["scaled down"] * len(ended) != []


def test_the_same_file_twice_makes_no_commit(visor: Service, export: bytes, small_commits: None) -> None:
    assert done(visor, export)["commits"] > 5
    rev = visor.rev
    for query in ("", "?mode=merge", "?dry_run=true"):
        said = done(visor, export, query)
        assert (said["imported"], said["commits"], said["unchanged"]) == (0, 0, said["objects"])
    assert visor.rev == rev
    assert exported(visor) == objects(export)


def names(path: str, content: dict[str, Any], there: dict[str, Any]) -> None:
    """Everything that the object names is there."""
    app = f"/apps/{content.get('app')}"
    if path.startswith("/apps/") and path != f"/apps/{content.get('name')}":
        assert app in there, path
    if content.get("head") is not None:
        assert f"{path}/revisions/{content['head']}" in there
    if "/scale/" in path or (path.startswith("/instances/") and content["status"] == "pending"):
        assert f"{app}/proctypes/{content['proctype']}" in there
        assert f"{app}/revisions/{content['revision']}" in there
    if "/endpoints/" in path:
        assert f"/services/{content['service']}" in there


def test_a_file_that_is_cut_off_goes_on_where_it_stopped(export: bytes, small_commits: None) -> None:
    """After any line. What was committed is said, is true at every rev, and is not made again."""
    lines = export.splitlines(keepends=True)
    for cut in range(len(lines)):
        with serving() as visor:
            said = refused(sent(visor, b"".join(lines[:cut])), 422, "invalid-request")
            told, begun = said["done"], exported(visor)
            assert told["imported"] == len(begun)
            assert (told["commits"], told.get("rev", 0)) == (visor.rev, visor.rev)
            assert ("Nothing was imported" in said["detail"]) == (begun == {})
            rest = done(visor, export)
            assert (rest["unchanged"], rest["commits"]) == (told["imported"], visor.rev - told["commits"])
            assert exported(visor) == objects(export)
            for rev in range(1, visor.rev + 1) if cut == len(lines) - 1 else ():
                there = exported(visor, f"?rev={rev}")
                for path, each in there.items():
                    names(path, each["object"], there)


def test_what_has_lived_on_since_is_left_as_it_is(memory_visor: Service, small_commits: None) -> None:
    """An import goes on though hosts have taken up what had come."""
    visor = memory_visor
    pending = [
        {
            **INSTANCE,
            "id": id,
            "status": "pending",
            **dict.fromkeys(("host", "ip", "claim_rev", "claimed_at")),
        }
        for id in range(3, 9)
    ]
    file = file_of(*WHOLE, *((f"/instances/{each['id']}", each) for each in pending))
    refused(sent(visor, file[:-200]), 422, "invalid-request")
    taken = visor.made("/instances/claim", {"host": "10.0.0.9"})
    visor.put("/apps/cat/env/cow", {"value": "MOO"})
    said = done(visor, file)
    assert (said["left"], said["objects"]) == (2, len(WHOLE) + 6)
    assert visor.get(f"/instances/{taken['id']}").json() == taken
    assert visor.get("/apps/cat/env/cow").json()["value"] == "MOO"


def test_an_empty_registry_is_one_that_has_nothing(memory_visor: Service, export: bytes) -> None:
    visor = memory_visor
    visor.made("/services", {"name": "a"})
    detail = refused(sent(visor, export), 409, "conflict")["detail"]
    assert "1 services" in detail
    assert "mode=merge" in detail
    assert "Nothing was imported" in detail
    done(visor, export, "?mode=merge")
    assert exported(visor).keys() == {*objects(export), "/services/a"}
    # Nor is it the beginning of another file.
    refused(sent(visor, file_of(*WHOLE)), 409, "conflict")


def test_a_commit_has_who_asked_and_why(memory_visor: Service, export: bytes, small_commits: None) -> None:
    visor = memory_visor
    said = done(visor, export, **{"Visor-Actor": "anna", "Visor-Reason": "a new home"})
    commits = visor.get("/commits").json()["items"]
    assert len(commits) == said["commits"]
    assert {(one["actor"], one["request"], one["reason"]) for one in commits} == {
        ("anna", "POST /import", "a new home")
    }


def test_a_dry_run_says_what_would_come_and_leaves_nothing(
    memory_visor: Service, export: bytes, small_commits: None
) -> None:
    visor = memory_visor
    tried = done(visor, export, "?dry_run=true")
    assert (visor.rev, exported(visor)) == (0, {})
    assert {**done(visor, export), "rev": 0} == tried
    visor.made("/services", {"name": "more"})
    refused(sent(visor, export, "?dry_run=true"), 409, "conflict")
    wrong = file_of(*WHOLE[1:])
    refused(sent(visor, wrong, "?dry_run=true&mode=merge"), 409, "conflict")


class TestMerge:
    """Beside what there is: what the file names becomes as the file says, everything else stays."""

    def test_what_may_change_is_changed_and_nothing_else(self, visor: Service) -> None:
        visor.runnable()
        visor.made("/apps/cat/envs", {"ref": "mine", "vars": {}})
        visor.put("/members/pms/10.0.0.7", {"version": "1"})
        before = visor.get("/apps/cat").json()
        said = done(visor, file_of(("/apps/cat", APP), ("/members/pms/10.0.0.7", MEMBER)), "?mode=merge")
        assert (said["imported"], said["commits"]) == (2, 1)
        cat = visor.get("/apps/cat").json()
        assert (cat["env"], cat["created_at"]) == ({"cow": "moo"}, before["created_at"])
        assert visor.get("/members/pms/10.0.0.7").json()["version"] == "1.4.1"
        assert visor.get("/apps/cat/envs/mine").status_code == 200

    def test_what_never_changes_and_is_another_is_a_conflict(self, memory_visor: Service) -> None:
        visor = memory_visor
        visor.made("/apps", {"name": "cat", "repo_url": "r", "stack": "s"})
        visor.made("/apps/cat/envs", {"ref": "e1", "vars": {"DB": "other"}})
        visor.made("/apps/cat/revisions", {"ref": "r1", "archive_url": "/other"})
        rev = visor.rev
        said = refused(sent(visor, file_of(*WHOLE), "?mode=merge"), 409, "conflict")
        assert [(one["path"], one["line"]) for one in said["conflicts"]] == [
            ("/apps/cat/revisions/r1", 3),
            ("/apps/cat/envs/e1", 4),
        ]
        assert visor.rev == rev

    def test_a_port_that_another_has_becomes_a_new_one(self, visor: Service, small_commits: None) -> None:
        visor.runnable("dog")
        said = done(visor, file_of(*WHOLE), "?mode=merge")
        assert said["ports"] == [{"path": "/apps/cat/proctypes/web", "was": 8000, "port": 8001}]
        assert done(visor, file_of(*WHOLE), "?mode=merge")["unchanged"] == len(WHOLE)
        assert visor.made("/apps/cat/proctypes", {"name": "worker"})["port"] == 8002
        other = {**PROCTYPE, "name": "other", "port": 8002}
        more = file_of(("/apps/cat/proctypes/other", other))
        assert done(visor, more, "?mode=merge")["ports"][0]["port"] == 8003

    def test_an_id_that_was_given_is_not_given_again(self, memory_visor: Service) -> None:
        visor = memory_visor
        visor.runnable("dog")
        visor.ticket("dog")
        said = refused(sent(visor, file_of(*WHOLE), "?mode=merge"), 409, "conflict")
        assert said["conflicts"][0]["path"] == "/instances/1"
        declared = file_of(*WHOLE[:9])
        assert done(visor, declared, "?mode=merge")["imported"] == 9

    def test_an_id_that_was_given_to_what_is_gone_is_not_given_again(self, memory_visor: Service) -> None:
        """What runs in the file is a conflict, what has ended there stays away."""
        visor = memory_visor
        done(visor, file_of(next={"instance": 9, "port": 8000}))
        said = refused(sent(visor, file_of(*WHOLE), "?mode=merge"), 409, "conflict")
        assert "given here before" in said["conflicts"][0]["detail"]
        told = done(visor, file_of(*WHOLE[:9], WHOLE[10]), "?mode=merge")
        assert (told["imported"], told["left"]) == (9, 1)

    def test_an_app_keeps_its_own_secrets_and_gets_its_head(
        self, memory_visor: Service, small_commits: None
    ) -> None:
        visor = memory_visor
        visor.made("/apps", {"name": "cat", "repo_url": "r", "stack": "s"})
        visor.put("/apps/cat/secrets/MINE", {"value": "v"})
        headed = {**APP, "head": "r1", "secrets": {"THEIRS": {"rev": 1, "fingerprint": "a1b2c3d4"}}}
        envsets = [(f"/apps/cat/envs/a{n}", {**WHOLE[2][1], "ref": f"a{n}"}) for n in range(4)]
        done(visor, file_of(("/apps/cat", headed), WHOLE[1], *envsets, *WHOLE[3:]), "?mode=merge")
        cat = visor.get("/apps/cat").json()
        assert (cat["head"], list(cat["secrets"])) == ("r1", ["MINE"])


def test_a_secret_comes_without_its_value_and_no_process_starts_without_it(memory_visor: Service) -> None:
    visor = memory_visor
    secret = {"DB_PASSWORD": {"rev": 1, "fingerprint": "a1b2c3d4"}}
    assert done(visor, file_of(("/apps/cat", {**APP, "secrets": secret}), *WHOLE[1:]))["secrets"] == 1
    asked = {"host": "10.0.0.7", "claim_rev": 5}
    detail = refused(visor.post("/instances/1/env", asked), 409, "invalid-state")["detail"]
    assert "DB_PASSWORD" in detail
    assert "set it anew" in detail
    visor.put("/apps/cat/secrets/DB_PASSWORD", {"value": "correct horse"})
    assert visor.post("/instances/1/env", asked).json()["vars"]["DB_PASSWORD"] == "correct horse"


def test_a_member_that_lives_by_a_lease_has_to_say_so_again(visor: Service) -> None:
    done(visor, file_of(("/members/pms/10.0.0.7", {**MEMBER, "ttl": 1})))
    assert visor.get("/members/pms/10.0.0.7").json()["ttl"] == 1
    rev = visor.rev
    visor.get(f"/events/list?rev={rev}&wait=30")
    refused(visor.get("/members/pms/10.0.0.7"), 404, "not-found")


def test_events_tell_of_an_import_as_of_any_commit(memory_visor: Service, export: bytes) -> None:
    visor = memory_visor
    done(visor, export)
    events = visor.get("/events/list?rev=0&limit=1000").json()["items"]
    assert {event["rev"] for event in events} == {1}
    assert "unknown" not in {event["type"] for event in events}
    shown = {event["instance"] for event in events if event["type"] == "instance-register"}
    live = [path for path, each in objects(export).items() if "/instances/" in path and "ended" not in each]
    assert {f"/instances/{id}" for id in shown} == set(live)


def test_one_import_runs_at_a_time(memory_visor: Service) -> None:
    visor, go_on, began = memory_visor, threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield file_of(*WHOLE)[:500]
        began.set()
        go_on.wait(30)
        yield file_of(*WHOLE)[500:]

    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(visor.post("/import", content=slowly())))
    first.start()
    assert began.wait(30)
    while not visor.context.importing:
        pass
    answer = sent(visor, file_of(*WHOLE))
    refused(answer, 429, "too-many-requests")
    assert answer.headers["Retry-After"]
    go_on.set()
    first.join(30)
    assert answers[0].json()["imported"] == len(WHOLE)
    assert not visor.context.importing
