"""Two tenants: lists are full and whole, page by page and at every rev, and show nothing of the other."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.access.holders import Holder, closed_service, give, grant, regrant
from tests.http.expect import refused
from tests.serving import APP, ARCHIVE, Service

MANY = 25


@pytest.fixture(scope="module")
def tenants() -> Iterator[Service]:
    """Apps mine-0.., theirs-0.., in turns, each with an instance on a host of its own."""
    with closed_service() as service:
        host = give(service, grant("host", hosts=["*"]))
        for n in range(MANY):
            for owner in ("mine", "theirs"):
                name = f"{owner}-{n}"
                service.made("/apps", {**APP, "name": name, "env": {"owner": owner}})
                service.made(f"/apps/{name}/revisions", {"ref": "r", "archive_url": ARCHIVE})
                service.made(f"/apps/{name}/proctypes", {"name": "web"})
                id = service.ticket(name, ref="r")
                claim = {"host": f"{owner}.example.com"}
                assert host.ask("POST", f"/instances/{id}/claim", claim).status_code == 200
        yield service


def pages(holder: Holder, path: str, limit: int, **query: Any) -> list[Any]:
    """All items; each page but the last is full."""
    items: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = holder.get(path, params={"limit": limit, **query, **cursor})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Visor-Filtered"] == "true"
        assert "theirs" not in answer.text
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == limit, "a page is full"
        cursor = {"cursor": page["next"]}


GRANTS = {
    "exact": grant("viewer", apps=[f"mine-{n}" for n in range(MANY)]),
    "prefix": grant("viewer", apps=["mine*"]),
    "host": grant("host", hosts=["mine.example.com"]),
    "hosts": grant("host", hosts=["mine*"]),
}


@pytest.mark.parametrize("kind", GRANTS)
@pytest.mark.parametrize("path", ["/apps", "/revisions", "/instances"])
def test_lists_are_whole_and_their_pages_full(tenants: Service, kind: str, path: str) -> None:
    holder = give(tenants, GRANTS[kind])
    whole = tenants.get(path, params={"limit": 1000}).json()["items"]
    own = [item for item in whole if item.get("app", item.get("name")).startswith("mine")]
    assert len(own) == MANY
    for limit in (1, 7, 1000):
        assert pages(holder, path, limit) == own


def test_so_are_those_of_the_past(tenants: Service) -> None:
    holder = give(tenants, GRANTS["prefix"])
    last = tenants.rev
    for rev in range(tenants.start + 1, last, 37):
        whole = tenants.get("/apps", params={"rev": rev, "limit": 1000}).json()["items"]
        own = [item for item in whole if item["name"].startswith("mine")]
        assert pages(holder, "/apps", 10, rev=rev) == own


def test_the_history_shows_nothing_of_the_other(tenants: Service) -> None:
    holder = give(tenants, GRANTS["prefix"])
    for path in (
        "/events/list?rev=0&limit=1000",
        "/diff?from=1&include=all&limit=1000",
        "/commits?limit=1000",
    ):
        answer = holder.get(path)
        assert answer.status_code == 200, answer.text
        assert "mine-3" in answer.text
        assert "theirs" not in answer.text, path
    assert holder.get("/apps/theirs-1/events/list?rev=0").json()["items"] == []


@pytest.mark.parametrize("kind", GRANTS)
def test_the_timeline_counts_the_commits_that_are_seen(tenants: Service, kind: str) -> None:
    """As many as the list of commits has, in all and in each span; what happens later is counted too."""
    holder = give(tenants, GRANTS[kind])
    for _ in range(2):
        commits = pages(holder, "/commits", 100)
        answer = holder.get("/timeline?buckets=9")
        assert answer.headers["Visor-Filtered"] == "true"
        spans = answer.json()["items"]
        assert sum(span["total"] for span in spans) == len(commits)
        middle = commits[len(commits) // 2]["at"]
        later = holder.get("/timeline", params={"from_at": middle, "buckets": 3}).json()["items"]
        assert sum(span["total"] for span in later) == sum(one["at"] > middle for one in commits)
        assert len(commits) < tenants.get("/timeline?buckets=1").json()["items"][0]["total"]
        # One that is seen, and one that is not.
        tenants.made("/apps/mine-1/revisions", {"ref": f"next-{kind}", "archive_url": ARCHIVE})
        tenants.made("/apps/theirs-1/revisions", {"ref": f"next-{kind}", "archive_url": ARCHIVE})
        kind += "-again"


def test_what_is_hidden_is_not_there_at_any_rev(tenants: Service) -> None:
    holder = give(tenants, GRANTS["prefix"])
    for rev in (tenants.rev, tenants.start + 30):
        hidden = holder.get("/apps/theirs-1", params={"rev": rev})
        absent = holder.get("/apps/absent-1", params={"rev": rev})
        refused(hidden, 404, "not-found")
        assert hidden.text.replace("theirs", "absent") == absent.text


def test_a_cursor_belongs_to_the_grants_that_it_was_made_with(tenants: Service) -> None:
    holder = give(tenants, grant("viewer", apps=["mine*", "theirs*"]))
    cursor = holder.get("/apps?limit=10").json()["next"]
    assert holder.get(f"/apps?limit=10&cursor={cursor}").status_code == 200
    regrant(holder, GRANTS["prefix"])
    refused(holder.get(f"/apps?limit=10&cursor={cursor}"), 400, "invalid-cursor")
    refused(give(tenants, grant("auditor")).get(f"/apps?limit=10&cursor={cursor}"), 400, "invalid-cursor")


def test_a_bulk_change_is_of_its_own_alone(tenants: Service) -> None:
    """`DELETE /instances?status=..` leaves what the token may read and not write."""
    ids = {}
    for name in ("mine-1", "mine-2", "theirs-1"):
        ids[name] = tenants.ticket(name, ref="r")
        tenants.made(f"/instances/{ids[name]}/lost", {"client": "c", "reason": "r"})
    holder = give(tenants, grant("viewer", apps=["mine*"]), grant("deployer", apps=["mine-1"]))
    assert holder.ask("DELETE", "/instances?status=lost").json()["count"] == 1
    gone = [name for name, id in ids.items() if tenants.get(f"/instances/{id}").status_code == 404]
    assert gone == ["mine-1"]
    refused(holder.ask("PUT", "/apps/mine-2/env/k", {"value": "v"}), 403, "forbidden")
    assert "k" not in tenants.get("/apps/mine-2/env").json()["vars"]
