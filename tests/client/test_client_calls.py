"""Each operation of openapi.yaml has a call, with the same name, in both clients."""

import asyncio
import hashlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import visor_client
from tests.openapi.documented import Document
from tests.serving import ARCHIVE, Service, serving
from visor_client import AsyncVisor, Visor
from visor_client.export_lines import Lines

ROOT = Path(__file__).parents[2]
STREAMS = {"get_events": "events", "get_app_events": "events", "list_app_events": "list_events"}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture
def visor(service: Service) -> Iterator[Visor]:
    with Visor(service.url, actor="anna") as visor:
        yield visor


CALLED_OTHERWISE = {
    "patch_app": {"deploy_type", "head", "repo_url", "stack"},  # as one patch, in which null is a value
    "patch_proctype": {"limits"},
    "register_proctype": {"limits"},  # memory_limit_mb
    "apply_document": {"apps", "services", "plan"},  # as one document
    "get_diff": {"from", "to", "summary"},  # before, after; counts are of the changes
    "list_commits": {"from", "to", "from_at", "to_at", "order"},  # since, until, oldest_first
    "get_timeline": {"from_at", "to_at"},  # since_at, until_at
}
"""What a call has in another form than the operation."""

OF_ALL = {"cursor", "dry_run", "rev", "at", "consistency"}
"""What every call has: a moment, the options of a write, pages."""


@cache
def operations() -> set[str]:
    document = yaml.load((ROOT / "openapi.yaml").read_text(), yaml.CSafeLoader)
    paths: dict[str, dict[str, Any]] = document["paths"]
    return {operation["operationId"] for methods in paths.values() for operation in methods.values()}


@pytest.mark.parametrize("client", [Visor, AsyncVisor])
def test_every_operation_of_the_document_has_its_call(client: type) -> None:
    assert {name for name in operations() if not hasattr(client, STREAMS.get(name, name))} == set()


def test_every_argument_of_an_operation_is_one_of_its_call() -> None:
    """Each parameter of the query and each field of the body; `reason` of a body is `cause`, since that of a
    write is its own."""
    document = Document(yaml.load((ROOT / "openapi.yaml").read_text(), yaml.CSafeLoader))
    for name, (_, _, operation) in document.operations.items():
        call = getattr(AsyncVisor, name, None)
        if call is None:
            continue
        given = [document.resolve(each) for each in operation.get("parameters", [])]
        wanted = {each["name"] for each in given if each["in"] == "query"}
        for media in document.resolve(operation.get("requestBody", {})).get("content", {}).values():
            wanted |= document.resolve(media["schema"]).get("properties", {}).keys()
        there = {"reason" if each == "cause" else each for each in inspect.signature(call).parameters}
        assert wanted - there - OF_ALL == CALLED_OTHERWISE.get(name, set()), name


def test_the_sync_client_is_the_async_one_without_asyncio(tmp_path: Path) -> None:
    """`scripts/sync_client` writes it: a change was made in one place."""
    made = tmp_path / "sync"
    subprocess.run([sys.executable, ROOT / "scripts" / "sync_client", made], check=True)
    kept = ROOT / "visor_client" / "sync"
    assert {path.name: path.read_text() for path in made.glob("*.py")} == {
        path.name: path.read_text() for path in kept.glob("*.py")
    }


def test_what_a_newer_service_says_beyond_is_ignored_and_kept() -> None:
    from visor_client.decoding import read

    known = read(visor_client.EnvVar, {"rev": 3, "key": "cow", "value": "moo", "colour": "brown"})
    assert (known.key, known.value, known.raw["colour"]) == ("cow", "moo", "brown")
    assert read(visor_client.EnvVar, {"rev": 3, "key": "cow"}).value is None


def test_an_app_with_all_that_it_has(visor: Visor) -> None:
    app = visor.register_app("rocket", "https://git.example.com/rocket.git", "lenny", env={"cow": "moo"})
    assert (app.name, app.deploy_type, app.env, app.head) == ("rocket", "lxc", {"cow": "moo"}, None)
    assert app.created_at.tzinfo == UTC
    assert isinstance(app.created_at, datetime)
    assert visor.get_app("rocket").snapshot_rev == visor.get_rev().rev
    assert visor.set_env_var("rocket", "cat", "meow").value == "meow"
    assert visor.get_env_var("rocket", "cat").value == "meow"
    assert visor.patch_env("rocket", {"cow": None, "dog": "wow"}).vars == {"cat": "meow", "dog": "wow"}
    assert visor.remove_env_var("rocket", "dog").rev == visor.get_env("rocket").rev
    assert visor.get_env("rocket", rev=app.rev).vars == {"cow": "moo"}
    assert visor.register_revision("rocket", "r1").state == "proposed"
    assert visor.ratify_revision("rocket", "r1", ARCHIVE).state == "accepted"
    assert visor.register_revision("rocket", "r2", archive_url=ARCHIVE).state == "accepted"
    assert [each.ref for each in visor.list_revisions("rocket")] == ["r1", "r2"]
    assert {each.app for each in visor.list_all_revisions()} == {"rocket"}
    assert visor.get_revision("rocket", "r2").archive_url == ARCHIVE
    visor.unregister_revision("rocket", "r2")
    assert visor.patch_app("rocket", {"head": "r1"}).head == "r1"
    assert visor.register_envset("rocket", "prod-7", {"a": "b"}).vars == {"a": "b"}
    assert [each.ref for each in visor.list_envsets("rocket")] == ["prod-7"]
    assert visor.get_envset("rocket", "prod-7").vars == {"a": "b"}
    web = visor.register_proctype("rocket", "web", memory_limit_mb=512)
    assert web.limits.memory_limit_mb == 512
    assert visor.patch_proctype("rocket", "web", {"limits": None}).limits.memory_limit_mb is None
    assert visor.get_proctype("rocket", "web").port == web.port
    assert [each.name for each in visor.list_proctypes("rocket")] == ["web"]
    scaled = visor.set_scale("rocket", "web", "r1", 2, env="prod-7")
    assert (scaled.previous, scaled.count, len(scaled.started)) == (0, 2, 2)
    [count] = visor.get_scale("rocket", "web", revision="r1")
    assert (count.target, count.env, count.statuses.pending) == (2, "prod-7", 2)
    assert [each.id for each in visor.list_app_instances("rocket", status="active")] == scaled.started
    assert [
        each.id for each in visor.list_proctype_instances("rocket", "web", env=["prod-7"])
    ] == scaled.started
    assert list(visor.list_instances(app=["rocket"], status=["running", "failed"])) == []
    visor.set_scale("rocket", "web", "r1", 0, env="prod-7")
    assert [each.id for each in visor.list_ended("rocket", "web")] == scaled.started
    visor.unregister_envset("rocket", "prod-7")
    visor.unregister_proctype("rocket", "web")
    visor.unregister_app("rocket")
    assert list(visor.list_apps()) == []
    assert [app.name for app in visor.list_apps(rev=app.rev)] == ["rocket"]


def test_the_life_of_an_instance(visor: Visor) -> None:
    visor.register_app("cat", "https://git.example.com/cat.git", "lenny")
    visor.register_revision("cat", "r1", archive_url=ARCHIVE)
    visor.register_proctype("cat", "web")
    first = visor.register_instance("cat", "r1", "web")
    claimed = visor.claim_next("10.0.0.7", app="cat", proctype="web")
    assert claimed is not None
    assert (claimed.id, claimed.host, claimed.claims[0].host) == (first.id, "10.0.0.7", "10.0.0.7")
    fence = claimed.claim_rev
    assert (
        visor.unclaim_instance(first.id, "10.0.0.7", claim_rev=fence, error="full").claims[0].error == "full"
    )
    again = visor.claim_instance(first.id, "10.0.0.8")
    with pytest.raises(visor_client.AlreadyClaimed):
        visor.claim_instance(first.id, "10.0.0.9")
    with pytest.raises(visor_client.NotClaimer):
        visor.start_instance(first.id, "10.0.0.8", "box8", 9000, claim_rev=fence)
    running = visor.start_instance(
        first.id, "10.0.0.8", "box8", 9000, tele_port=9001, claim_rev=again.claim_rev
    )
    assert (running.status, running.port, running.tele_port) == ("running", 9000, 9001)
    assert visor.restart_instance(first.id, "oom", count=2).restarts.oom == 2
    locked = visor.lock_instance(first.id, "anna", "look at it")
    assert locked.lock is not None
    assert locked.lock.reason == "look at it"
    visor.unlock_instance(first.id)
    assert visor.stop_instance(first.id).status == "stopping"
    assert visor.lose_instance(first.id, "pm", "silent").lost_by == "pm"
    assert visor.exit_instance(first.id, "10.0.0.8", claim_rev=again.claim_rev).status == "exited"
    assert visor.get_instance(first.id, status=["running"], wait=30).status == "exited", (
        "it never can be again"
    )
    visor.unregister_instance(first.id, client="anna", cause="over")
    with pytest.raises(visor_client.NotFound) as gone:
        visor.get_instance(first.id)
    assert gone.value.members["ended"]["reason"] == "over"
    second = visor.register_instance("cat", "r1", "web")
    visor.claim_instance(second.id, "10.0.0.7")
    assert visor.fail_instance(second.id, "10.0.0.7", "no such file").reason == "no such file"
    assert visor.unregister_instances(["failed"], app=["cat"], client="anna", cause="swept").count == 1


def test_the_platform_itself(visor: Visor) -> None:
    visor.register_service("cache")
    endpoint = visor.register_endpoint("cache", "10.0.0.7", 11211, weight=5)
    assert (endpoint.id, endpoint.weight, endpoint.target) == ("10-0-0-7-11211", 5, None)
    assert visor.get_endpoint("cache", endpoint.id).port == 11211
    assert [each.id for each in visor.list_endpoints("cache")] == [endpoint.id]
    visor.unregister_endpoint("cache", endpoint.id)
    assert [each.name for each in visor.list_services()] == [visor.get_service("cache").name]
    visor.unregister_service("cache")
    visor.register_runner("[2001:db8::1]:9000", 1)
    assert visor.get_runner("[2001:db8::1]:9000").host == "2001:db8::1"
    assert [each.instance_id for each in visor.list_runners(host="2001:db8::1")] == [1]
    visor.unregister_runner("[2001:db8::1]:9000")
    assert visor.set_member("pms", "10.0.0.7", version="1.4.2", ttl=60).ttl == 60
    assert visor.get_member("pms", "10.0.0.7").version == "1.4.2"
    assert [each.addr for each in visor.list_members("pms")] == ["10.0.0.7"]
    visor.unregister_member("pms", "10.0.0.7")
    assert visor.list_prometheus_targets(app=["nothere"]) == []
    assert visor.get_schema().version >= 2
    visor.livez()
    visor.readyz()
    assert "visor_" in visor.get_metrics()
    assert "rev-mismatch" in visor.list_problems()
    assert "rev-mismatch" in visor.get_problem("rev-mismatch")


def test_what_differs_between_two_revs_page_by_page(visor: Visor) -> None:
    start = visor.get_rev().rev
    for name in ("d1", "d2", "d3"):
        visor.register_app(name, "r", "s")
    visor.set_env_var("d1", "k", "v")
    changes = visor.get_diff(start, limit=1)
    first = next(changes)
    visor.set_env_var("d3", "late", "v")
    assert [first.path, *(each.path for each in changes)] == ["/apps/d1", "/apps/d2", "/apps/d3"]
    [change] = visor.get_diff(visor.get_rev().rev - 1, path="/apps/d3")
    assert change.by is not None
    assert (change.action, change.by.actor) == ("update", "anna")
    assert change.fields == [{"path": "/env/late", "after": "v"}]


def test_what_differs_between_two_times_and_what_goes_back_to_one(visor: Visor) -> None:
    """A time in place of a rev, as RFC 3339, a datetime or so long ago; pages go on between the same revs."""
    visor.register_app("times", "r", "s", env={"k": "old"})
    at = visor.get_rev().at
    assert at is not None
    visor.patch_env("times", {"k": "new"})
    changes = visor.get_diff(from_at=at, to_at="-0s", path="/apps/times", limit=1)
    assert [change.path for change in changes] == ["/apps/times"]
    assert changes.head["from"] < changes.head["to"]
    assert visor.get_diff(from_at=at.isoformat(), path="/apps/times", limit=1).all()
    visor.revert_subtree("/apps/times/env", to_at=at)
    assert visor.get_env("times").vars == {"k": "old"}
    with pytest.raises(visor_client.InvalidRequest):
        visor.get_diff().all()


def test_who_changed_what_and_why(visor: Visor) -> None:
    visor.register_app("logged", "r", "s", reason="a \u00fcnique reason: 100%")
    for n in range(3):
        visor.set_env_var("logged", "n", str(n))
    commits = visor.list_commits("/apps/logged", limit=1)
    assert [each.changes[0].action for each in commits] == ["update", "update", "update", "create"]
    [first] = visor.list_commits("/apps/logged", type="app-register", oldest_first=True)
    assert (first.reason, first.actor, first.request) == ("a \u00fcnique reason: 100%", "anna", "POST /apps")
    [change] = visor.get_commit(first.rev + 1).changes
    assert change.after is not None
    assert (change.path, change.before["env"], change.after["env"]) == ("/apps/logged", {}, {"n": "0"})  # type: ignore[index]
    assert sum(each.total for each in visor.get_timeline("-5m", buckets=10).items) >= 4
    assert visor.get_rev(at=first.at).rev == first.rev


def test_a_document_is_planned_and_applied(visor: Visor) -> None:
    document = {"apps": [{"name": "planned", "repo_url": "r", "stack": "s", "env": {"a": "b"}}]}
    planned = visor.apply_document(document, dry_run=True)
    assert [each.path for each in planned.changes] == ["/apps/planned"]
    with pytest.raises(visor_client.NotFound):
        visor.get_app("planned")
    done = visor.apply_document({**document, "plan": planned.plan}, reason="as planned")
    assert (done.plan, done.counts["create"]) == (planned.plan, 1)
    assert visor.get_app("planned").env == {"a": "b"}


def test_tokens_are_asked_for(visor: Visor) -> None:
    assert visor.get_self().name == "anonymous"
    assert list(visor.list_tokens()) == []
    with pytest.raises(visor_client.NotFound):
        visor.get_token("k3v7q2mzx4ab")
    with pytest.raises(visor_client.Forbidden):
        visor.set_token("k3v7q2mzx4ab", "bot", [{"role": "operator"}], sha256="0" * 64)
    with pytest.raises(visor_client.NotFound):
        visor.rotate_token("k3v7q2mzx4ab", "0" * 64)
    with pytest.raises(visor_client.NotFound):
        visor.revoke_token("k3v7q2mzx4ab")


def test_what_was_goes_back_by_rev_and_by_commit(visor: Visor) -> None:
    app = visor.register_app("back", "r", "s", env={"k": "old"})
    changed = visor.set_env_var("back", "k", "new")
    planned = visor.revert_subtree("/apps/back", app.rev, only=["env"], dry_run=True)
    done = visor.revert_subtree("/apps/back", app.rev, only=["env"], plan=planned.plan, reason="as it was")
    assert (done.plan, done.undoes) == (planned.plan, [changed.rev])
    assert visor.get_env("back").vars == {"k": "old"}
    visor.undo_commit(done.rev)
    assert visor.get_env("back").vars == {"k": "new"}
    with pytest.raises(visor_client.Conflict):
        visor.undo_commit(app.rev)


def test_an_export_is_read_whole_or_not_at_all(service: Service, visor: Visor) -> None:
    app = visor.register_app("exported", "r", "s", env={"k": "line\u2028end"})
    lines = [json.loads(line) for line in visor.export_objects("/apps/exported")]
    assert lines[0]["rev"] == app.rev
    assert lines[1]["object"]["env"] == {"k": "line\u2028end"}
    assert lines[2]["objects"] == len(lines) - 2 == 1
    assert len(list(visor.export_objects("/apps/exported", rev=app.rev - 1))) == 2
    whole = service.get("/export?path=/apps/exported").content
    for damaged in (
        whole[:-2],
        whole[: whole.rindex(b"{")],
        whole.replace(b'"stack":"s"', b'"stack":"t"'),
        b"",
    ):
        lines_of = Lines()
        seen = hashlib.sha256(b"".join(lines_of.take(damaged)))
        with pytest.raises(visor_client.Unreachable, match="cut off"):
            lines_of.check_end(seen.hexdigest(), "there")


def test_a_session_takes_a_token(visor: Visor) -> None:
    with pytest.raises(visor_client.Unauthenticated):
        visor.begin_session()
    assert "__Host-visor" in visor.end_session()


def test_each_problem_has_its_class_and_its_members(visor: Visor) -> None:
    visor.register_service("db")
    with pytest.raises(visor_client.AlreadyExists):
        visor.register_service("db")
    with pytest.raises(visor_client.NotFound, match="There is no service nothere at rev") as absent:
        visor.get_service("nothere")
    assert absent.value.rev is not None
    with pytest.raises(visor_client.InvalidRequest) as invalid:
        visor.register_service("-")
    assert invalid.value.errors[0]["loc"] == ["body", "name"]
    with pytest.raises(visor_client.RevInFuture) as future:
        visor.get_service("db", rev=10**9)
    assert future.value.current_rev == visor.get_rev().rev
    with pytest.raises(visor_client.RevMismatch) as stale:
        visor.unregister_service("db", if_rev=1)
    assert stale.value.current_rev is not None
    with pytest.raises(visor_client.IdempotencyKeyReused):
        [visor.register_service(name, key="k") for name in ("one", "two")]
    with pytest.raises(ValueError, match=r"'\.\.' is no name"):
        visor.get_service("..")


def test_the_pages_of_a_list_are_of_one_snapshot(visor: Visor) -> None:
    for name in "abcdefg":
        visor.register_service(f"page-{name}")
    listing = visor.list_services(limit=2)
    first = next(listing)
    visor.register_service("page-z")
    rest = [each.name for each in listing if each.name.startswith("page-")]
    assert "page-z" not in rest
    assert {first.name, *rest} >= {f"page-{name}" for name in "bcdefg"}
    assert listing.rev == visor.get_rev().rev - 1


def test_the_actor_and_the_order_of_events_page_by_page(visor: Visor) -> None:
    start = visor.get_rev().rev
    for name in "xyz":
        visor.register_service(f"event-{name}")
    page, place = visor.list_events(start, limit=2)
    assert [(event.service, event.actor) for event in page] == [("event-x", "anna"), ("event-y", "anna")]
    [last], place = visor.list_events(place, wait=30)
    assert last.object["name"] == "event-z"
    assert visor.list_events(place) == ([], str(visor.get_rev().rev))


def test_the_async_client_does_the_same(service: Service) -> None:
    async def work() -> None:
        async with AsyncVisor(service.url) as visor:
            await visor.register_service("async")
            names = [each.name async for each in visor.list_services(limit=1)]
            assert "async" in names
            events = visor.events(snapshot=True, type=["service-*"])
            async for message in events:
                if isinstance(message, visor_client.SnapshotEnd):
                    break
            await events.aclose()
            found = await asyncio.gather(*(visor.get_service("async") for _ in range(20)))
            assert len({each.rev for each in found}) == 1

    asyncio.run(work())
