"""What the benchmarks measure on is a store that the service could have written itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.seeding import app_name, seed
from tests.http.every_route import LISTS
from tests.serving import Service, serving

APPS, INSTANCES, REVS = 3, 40, 1500


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path = tmp_path_factory.mktemp("seeded") / "visor.db"
    seed(path, apps=APPS, instances=INSTANCES, revs=REVS)
    # Few in memory: most of the history is read from the file.
    with serving(store=f"sqlite:///{path}", memory_revs=100) as service:
        yield service


def every(visor: Service, path: str) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    items, cursor = [], ""
    while cursor is not None:
        page = visor.get(path, params={"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
        items += page["items"]
        cursor = page["next"]
    return items


def history(visor: Service) -> list[dict[str, Any]]:
    """All events from the first rev on."""
    events, after = [], "0"
    while True:
        page = visor.get(
            "/events", params={"rev": after, "limit": 1000}, headers={"Accept": "application/json"}
        )
        items = page.json()["items"]
        if not items:
            return events
        events += items
        after = str(page.json()["rev"])


@pytest.mark.parametrize("template", LISTS)
def test_every_list_of_a_seeded_store_has_what_its_items_say_of_themselves(
    seeded: Service, template: str
) -> None:
    names = {"app": app_name(1), "proctype": "worker", "service": "service-0000", "kind": "pms"}
    items = every(seeded, template.format(**names))
    assert items, "there is one of everything"
    if template.endswith(("/ended", "/scale")):
        return
    base = "/instances" if "instances" in template else template.format(**names)
    for item in items:
        at = base if template != "/revisions" else f"/apps/{item['app']}/revisions"
        name = item.get("ref") or item.get("id") or item.get("name") or item.get("addr")
        assert seeded.get(f"{at}/{name}").json() == item


def test_a_seeded_store_has_as_many_things_as_were_asked_for(seeded: Service) -> None:
    assert seeded.rev == REVS
    assert seeded.get("/rev").json()["oldest_rev"] == 0
    assert len(every(seeded, "/apps")) == APPS
    done = [event for event in history(seeded) if event["type"] == "instance-unregister"]
    known = [event for event in history(seeded) if event["type"] == "instance-register"]
    assert len(known) - len(done) == len(every(seeded, "/instances"))
    assert INSTANCES - 10 <= len(every(seeded, "/instances")) <= INSTANCES


def test_the_history_of_a_seeded_store_tells_how_it_came_to_be_what_it_is(seeded: Service) -> None:
    events = history(seeded)
    assert "unknown" not in {event["type"] for event in events}
    places = [(event["rev"], event["index"]) for event in events]
    assert places == sorted(set(places))
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    # The last that was said of each instance, and of each app, is what it is.
    for kind, name, path in (("instance-", "instance", "/instances"), ("app-", "app", "/apps")):
        last = {event[name]: event for event in events if event["type"].startswith(kind)}
        there = {e[name]: e["object"] for e in last.values() if not e["type"].endswith("-unregister")}
        assert {item.get("id", item.get("name")): item for item in every(seeded, path)} == there


def test_the_service_goes_on_where_the_seeding_ended(seeded: Service) -> None:
    highest = max(event["instance"] for event in history(seeded) if "instance" in event)
    app = every(seeded, "/apps")[0]
    ref = every(seeded, f"/apps/{app['name']}/revisions")[0]["ref"]
    made = seeded.made("/instances", {"app": app["name"], "revision": ref, "proctype": "web", "env": None})
    assert (made["id"], made["rev"]) == (highest + 1, REVS + 1)
    ports = {
        item["port"]
        for number in range(APPS)
        for item in every(seeded, f"/apps/{app_name(number)}/proctypes")
    }
    assert len(ports) == 2 * APPS
    assert seeded.made(f"/apps/{app['name']}/proctypes", {"name": "cron"})["port"] == max(ports) + 1


def test_more_than_so_few_revs_can_make_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few"):
        seed(tmp_path / "visor.db", apps=10, instances=10, revs=20)
