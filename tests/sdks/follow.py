"""A client that openapi-python-client made, against a running service: calls, errors, and events as they are.

Run by scripts/sdks. The arguments are the service's URL and the folder with the client.
"""

import importlib
import sys
from typing import Any

URL, FOLDER = sys.argv[1:]
sys.path.insert(0, FOLDER)


def module(name: str) -> Any:
    return importlib.import_module(f"visor_client.{name}")


def main() -> None:
    models = module("models")
    client = module("client").Client(base_url=URL, timeout=60)

    app = module("api.apps.register_app").sync(
        client=client,
        body=models.AppCreate(name="python", repo_url="https://git.example.com/p.git", stack="lenny"),
    )
    assert isinstance(app, models.App), app
    again = module("api.apps.register_app").sync(
        client=client,
        body=models.AppCreate(name="python", repo_url="https://git.example.com/p.git", stack="lenny"),
    )
    assert isinstance(again, models.Problem), again
    assert again.code == "already-exists"
    module("api.revisions.register_revision").sync(
        "python",
        client=client,
        body=models.RevisionCreate(ref="r1", archive_url="https://archive.example.com/r1.img"),
    )
    module("api.proctypes.register_proctype").sync(
        "python", client=client, body=models.ProctypeCreate(name="web")
    )
    ticket = module("api.instances.register_instance").sync(
        client=client, body=models.InstanceCreate(app="python", revision="r1", proctype="web", env=None)
    )
    assert isinstance(ticket, models.Instance), ticket
    claimed = module("api.life_of_an_instance.claim_instance").sync(
        ticket.id, client=client, body=models.Claim(host="10.0.0.7")
    )
    assert claimed.status == "claimed"

    place, seen = "0", []
    while True:
        page = module("api.events.list_app_events").sync("python", client=client, rev=place, limit=2)
        seen += page.items
        if not page.items:
            break
        place = page.next_
    told = [(type(event).__name__, event.type_) for event in seen]
    assert told == [
        ("AppEvent", "app-register"),
        ("RevisionEvent", "rev-register"),
        ("ProctypeEvent", "proc-register"),
        ("InstanceEvent", "instance-register"),
        ("InstanceEvent", "instance-claim"),
    ], told
    assert seen[-1].object_.host == "10.0.0.7"

    # What a later version may send: a new field, a new status, a new type of event.
    later = {**seen[-1].to_dict(), "colour": "blue"}
    later["object"]["status"] = "paused"
    assert models.InstanceEvent.from_dict(later).object_.status == "paused"
    renamed = {"rev": 9, "index": 0, "type": "quota-update", "at": later["at"], "actor": "x", "quota": 7}
    [event] = models.EventPage.from_dict({"rev": 9, "items": [renamed], "next": "9"}).items
    assert type(event).__name__ == "UnknownEvent", event
    assert event.additional_properties["quota"] == 7


main()
