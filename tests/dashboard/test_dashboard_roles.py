"""The dashboard by role: each logs in with a token, sees what it may see, and is offered what it may do."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.access.holders import closed_service, give, grant
from tests.dashboard.seed import seed
from tests.dashboard.tab import Tab
from tests.etcd.cluster import until
from tests.serving import Service


@pytest.fixture(scope="module")
def closed() -> Iterator[Service]:
    """The small platform, behind tokens."""
    with closed_service() as service:
        host = give(service, grant("host", hosts=["*"]), name="hosts")
        seed(service, host.token)
        service.put("/apps/shop/secrets/DB_PASSWORD", {"value": "correct horse"})
        yield service


@pytest.fixture
def log_in(closed: Service, open_tab: Any) -> Any:
    """Opens a tab and pastes a token that has the grants."""

    def logged(path: str, *grants: dict[str, Any], name: str = "somebody", **how: Any) -> Tab:
        holder = give(closed, *grants, name=name)
        tab: Tab = open_tab(closed.url, path, login=holder.token, **how)
        return tab

    return logged


def offered(tab: Tab) -> set[str]:
    """The buttons of the page itself."""
    names = tab.page.eval_on_selector_all("main button", "all => all.map(one => one.textContent.trim())")
    return {name.split()[0].lower() for name in names if name}


READS = {"show", "load", "copy", "and", "clear"}
"""Buttons that change nothing."""

ROLES = {
    "viewer": (grant("viewer", apps=["shop"]), "/apps/shop", set()),
    "deployer": (
        grant("deployer", apps=["shop"]),
        "/apps/shop",
        {"edit", "scale", "make", "ratify", "undo", "back", "set", "change", "remove"},
    ),
    "operator": (
        grant("operator"),
        "/apps/shop",
        {"edit", "scale", "make", "ratify", "undo", "back", "set", "change", "remove"},
    ),
    "auditor": (grant("auditor"), "/apps/shop", set()),
    "host": (grant("host", hosts=["10.0.0.7"]), "/instances/1", {"lost"}),
    "admin": (
        grant("admin"),
        "/apps/shop",
        {"edit", "scale", "make", "ratify", "undo", "back", "set", "change", "remove"},
    ),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_offered_what_it_may_do_and_nothing_else(log_in: Any, role: str) -> None:
    """And it has the slider, on every page that it may see."""
    granted, path, buttons = ROLES[role]
    tab = log_in(path, granted, name=f"the-{role}")
    tab.waits_for("shop")
    if path.startswith("/apps"):
        tab.waits_for("Secrets", "DB_PASSWORD", "env set prod-7 of shop registered")
    assert offered(tab) - READS == buttons
    tab.waits_for(f"the-{role}", within=".self")
    assert ("Members" in tab.text("nav")) == (role not in ("viewer", "deployer"))
    until(lambda: len(tab.page.query_selector_all(".track rect")) > 0, "the axis has its bars")
    tab.page.keyboard.press(",")
    tab.waits_for("This is the past", within=".banner")
    assert offered(tab) - READS == set()


def test_a_viewer_sees_their_apps_on_every_page_and_nothing_of_others(log_in: Any) -> None:
    tab = log_in("/", grant("viewer", apps=["shop"]))
    for path, there in {
        "/": "9 / 9",
        "/hosts": "10.0.0.7",
        "/log": "secret DB_PASSWORD",
        "/services": "cache",
        "/store": "shown to operators",
        "/diff?from=1": "/apps/shop",
    }.items():
        tab.go(path)
        tab.waits_for(there)
        for other in ("mail", "reports", "search"):
            assert other not in tab.text(), (path, other)


def test_a_deployer_changes_their_app_and_is_named_for_it(closed: Service, log_in: Any) -> None:
    tab = log_in("/apps/login", grant("deployer", apps=["login"]), name="dora")
    tab.press("Edit variables")
    tab.page.get_by_label("POOL", exact=True).fill("12")
    tab.press("Review 1 change")
    tab.page.get_by_label("Reason, for the log (may be empty)").fill("größer, 100 %")
    tab.waits_for("The service would take it.", within="dialog")
    tab.press("Change")
    tab.waits_for("POOL 8 → 12", "dora")
    commit = closed.get("/commits?path=/apps/login&limit=1").json()["items"][0]
    assert (commit["actor"], commit["reason"]) == ("dora", "größer, 100 %")
    tab.waits_for("größer, 100 %")


def test_a_secret_is_set_and_removed_and_its_value_is_nowhere_on_the_page(
    closed: Service, log_in: Any
) -> None:
    tab = log_in("/apps/mail", grant("deployer", apps=["mail"]))
    tab.press("Set a secret")
    tab.page.get_by_label("Name", exact=True).fill("SMTP")
    tab.page.get_by_label("Value", exact=True).fill("battery staple")
    tab.waits_for("The service would take it.", "/apps/mail/secrets/SMTP", "@secret.json", within="dialog")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.post_data or ""))
    tab.press("Set")
    tab.waits_for("SMTP")
    assert sum("battery staple" in body for body in asked) == 1
    kept = closed.get("/apps/mail/secrets").json()["secrets"]["SMTP"]
    tab.waits_for(kept["fingerprint"])
    assert "battery" not in tab.page.content()
    tab.press("Remove SMTP")
    tab.waits_for("The service would take it.", within="dialog")
    tab.page.locator("dialog").get_by_role("button", name="Remove", exact=True).click()
    tab.lacks("SMTP", within="main section table")
    assert closed.get("/apps/mail/secrets").json()["secrets"] == {}


def test_a_login_that_fails_says_so_and_the_session_ends_when_somebody_logs_out(
    closed: Service, open_tab: Any
) -> None:
    holder = give(closed, grant("operator"), name="otto")
    tab = open_tab(closed.url, "/hosts", login="vsr_nobody_knows_this")
    tab.waits_for("does not know this token", within="main")
    tab.paste(holder.token)
    tab.waits_for("4 hosts")
    # A second tab, by the same session; what one ends is ended for both.
    other = open_tab(closed.url, "/hosts", context=tab.context)
    other.waits_for("4 hosts")
    tab.press("Log out")
    for one in (tab, other):
        one.waits_for("An administrator makes one", within="main")
        assert "10.0.0.7" not in one.page.content()
    viewer = give(closed, grant("viewer", apps=["mail"]), name="vera")
    tab.paste(viewer.token)
    tab.go("/")
    tab.waits_for("mail")
    assert "shop" not in tab.text()


def test_a_token_that_is_revoked_ends_the_page(closed: Service, open_tab: Any) -> None:
    holder = give(closed, grant("operator"), name="rita")
    tab = open_tab(closed.url, "/hosts", login=holder.token)
    tab.waits_for("4 hosts")
    closed.delete(f"/tokens/{holder.id}")
    tab.waits_for("An administrator makes one", within="main")


def test_a_token_that_reads_nothing_here_is_told_so(log_in: Any) -> None:
    tab = log_in("/", grant("registrar", services=["*"]), name="rolf")
    tab.waits_for("rolf may not read what runs here", within="main")
