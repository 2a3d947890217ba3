"""A client that openapi-python-client made, against a running service: see scripts/sdks.

The argument is the folder with the client; which service is in the environment.
"""

import importlib
import json
import os
import sys
import threading
import time
from typing import Any

sys.path.insert(0, sys.argv[1])

HOST, APP, LATER = "10.0.0.7", os.environ["APP"], "LATER" in os.environ
FIELD = "in_a_later_version"


def made(name: str) -> Any:
    return importlib.import_module(f"visor_client.{name}")


m = made("models")
errors = made("errors")


def client(url: str, token: str) -> Any:
    # Without a time-out of its own a wait of more than 5 seconds is cut; without the flag the answer of a
    # status that is not in the document is None.
    return made("client").AuthenticatedClient(
        base_url=url, token=token, timeout=90, raise_on_unexpected_status=True
    )


def call(operation: str, *path: Any, by: Any, **given: Any) -> Any:
    """What the operation answers, of whatever kind."""
    return made(f"api.{operation}").sync(*path, client=by, **given)


def done(kind: Any, answer: Any) -> Any:
    assert isinstance(answer, kind), answer
    assert (FIELD in answer.additional_properties) == LATER, answer
    return answer


def refused(code: str, status: int, answer: Any) -> Any:
    assert isinstance(answer, m.Problem), answer
    assert (answer.code, answer.status) == (code, status), answer
    return answer


admin = client(os.environ["VISOR_URL"], os.environ["ADMIN_TOKEN"])
host = client(os.environ["VISOR_URL"], os.environ["HOST_TOKEN"])


def change() -> tuple[Any, Any]:
    """Register, variables, ratify, proctype, scale, claim, start: the app, and what the scale started."""
    body = m.AppCreate(name=APP, repo_url="https://git.example.com/p.git", stack="lenny")
    app = done(m.App, call("apps.register_app", by=admin, body=body))
    assert (app.name, app.head) == (APP, None)
    refused("already-exists", 409, call("apps.register_app", by=admin, body=body))

    patch = m.EnvPatch.from_dict({"cow": "moo", "cat": "meow"})
    done(m.Env, call("apps.patch_env", APP, by=admin, body=patch))
    env = done(m.Env, call("apps.patch_env", APP, by=admin, body=m.EnvPatch.from_dict({"cat": None})))
    assert env.vars_.to_dict() == {"cow": "moo"}

    proposed = call("revisions.register_revision", APP, by=admin, body=m.RevisionCreate(ref="r1"))
    assert done(m.Revision, proposed).state == "proposed"
    archive = m.Ratification(archive_url="https://archive.example.com/r1.img")
    accepted = call("revisions.ratify_revision", APP, "r1", by=admin, body=archive)
    assert done(m.Revision, accepted).state == "accepted"
    for head in ("r1", None):
        assert call("apps.patch_app", APP, by=admin, body=m.AppPatch(head=head)).head == head

    web = call("proctypes.register_proctype", APP, by=admin, body=m.ProctypeCreate(name="web"))
    assert done(m.Proctype, web).port >= 8000
    target = m.ScaleTarget(revision="r1", count=3)
    scaled = done(m.Scaled, call("scale.set_scale", APP, "web", by=admin, body=target))
    assert len(scaled.started) == 3

    wanted = m.ClaimNext(host=HOST, app=APP, wait=5)
    claimed = done(m.Instance, call("life_of_an_instance.claim_next", by=host, body=wanted))
    assert (claimed.status, claimed.host) == ("claimed", HOST)
    start = m.Start(host=HOST, claim_rev=claimed.claim_rev, hostname="box7", port=9000)
    running = call("life_of_an_instance.start_instance", claimed.id, by=host, body=start)
    assert done(m.Instance, running).status == ("warming" if LATER else "running")
    return app, scaled


def conditions(app: Any) -> None:
    """A read at a rev; a write with the tag of a read."""
    then = done(m.App, call("apps.get_app", APP, by=admin, rev=app.rev))
    assert then.env.to_dict() == {}
    tag = made("api.apps.get_app").sync_detailed(APP, client=admin).headers["ETag"]
    patch = m.AppPatch(stack="squeeze")
    assert call("apps.patch_app", APP, by=admin, body=patch, if_match=tag).stack == "squeeze"
    lost = call("apps.patch_app", APP, by=admin, body=patch, if_match=tag)
    assert refused("rev-mismatch", 412, lost).current_rev > app.rev


def problems(pending: int) -> None:
    refused("invalid-cursor", 400, call("apps.list_apps", by=admin, cursor="nothere"))
    future = refused("rev-in-future", 400, call("apps.get_app", APP, by=admin, rev=2**40))
    assert future.current_rev > 0
    nobody = client(os.environ["VISOR_URL"], "nothere")
    refused("unauthenticated", 401, call("apps.get_app", APP, by=nobody))
    body = m.AppCreate(name=APP, repo_url="r", stack="s")
    refused("forbidden", 403, call("apps.register_app", by=host, body=body))
    refused("not-found", 404, call("apps.get_app", "nothere", by=admin))
    refused("held" if LATER else "in-use", 409, call("apps.unregister_app", APP, by=admin))
    if LATER:
        try:
            raise AssertionError(call("life_of_an_instance.stop_instance", pending, by=admin))
        except errors.UnexpectedStatus as error:  # no status of the operation: the body is there all the same
            status, said = error.status_code, m.Problem.from_dict(json.loads(error.content))
        assert (status, said.code) == (425, "invalid-state")
    else:
        stop = call("life_of_an_instance.stop_instance", pending, by=admin)
        assert refused("invalid-state", 409, stop).state == "pending"
    old = client(os.environ["SHORT_URL"], os.environ["ADMIN_TOKEN"])
    assert refused("rev-compacted", 410, call("apps.list_apps", by=old, rev=1)).oldest_rev > 1
    large = m.EnvVarSet(value="x" * 2_000_000)
    refused("body-too-large", 413, call("apps.set_env_var", APP, "large", by=admin, body=large))
    unnamed = m.AppCreate(name="no name", repo_url="r", stack="s")
    invalid = refused("invalid-request", 422, call("apps.register_app", by=admin, body=unnamed))
    assert invalid.errors[0].loc == ["body", "name"]


def pages(started: list[int]) -> None:
    ids: list[int] = []
    cursor = made("types").UNSET
    while cursor is not None:
        page = done(
            m.InstancePage, call("instances.list_app_instances", APP, by=admin, limit=1, cursor=cursor)
        )
        ids += [each.id for each in page.items]
        cursor = page.next_
    assert ids == started, ids


def events(place: str) -> str:
    """All pages, each event as what it is; the place after the last."""
    seen: list[Any] = []
    while True:
        page = done(m.EventPage, call("events.list_app_events", APP, by=admin, rev=place, limit=4))
        place = page.next_
        seen += page.items
        if not page.items:
            break
    for event in seen:
        if isinstance(event, m.AnyOtherEvent):
            assert event.additional_properties["quota"] == 7
        elif isinstance(event, m.AppEvent):
            assert event.object_.name == APP
        elif isinstance(event, m.ScaleEvent):
            assert event.object_.target == 3
        elif isinstance(event, m.InstanceEvent):
            assert event.object_.proctype == "web"
        else:
            assert isinstance(event, m.RevisionEvent | m.ProctypeEvent), event
    assert any(isinstance(event, m.AnyOtherEvent) for event in seen) == LATER
    known = [event.type_ for event in seen if not isinstance(event, m.AnyOtherEvent)]
    assert known == os.environ["EVENTS"].split(), known
    return place


def long_poll(place: str) -> None:
    def write() -> None:
        time.sleep(0.3)
        done(m.EnvVar, call("apps.set_env_var", APP, "late", by=admin, body=m.EnvVarSet(value="1")))

    writer = threading.Thread(target=write)
    writer.start()
    asked = time.monotonic()
    page = call("events.list_app_events", APP, by=admin, rev=place, wait=30)
    assert page.items[-1].object_.env["late"] == "1", page
    assert time.monotonic() - asked < 25, "it did not wait for the event, but for the end"
    writer.join()


registered, scaled = change()
conditions(registered)
problems(scaled.started[-1])
pages(scaled.started)
long_poll(events(str(registered.rev - 1)))
