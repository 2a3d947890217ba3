"""Each page and each change of the dashboard, for each role: what a role may see is there, and what it may do
is offered and works. What a role may do is read in the service's own table. A page or a change without a row
here fails.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.http.access_table import row_of
from app.models.grants import Role
from tests.access.holders import grant
from tests.dashboard.looks import PAGES
from tests.dashboard.tab import Tab
from tests.dashboard.test_dashboard_files import FILES
from tests.serving import Service

ROLES = {
    Role.VIEWER: grant("viewer", apps=["shop"]),
    Role.DEPLOYER: grant("deployer", apps=["shop", "search"]),
    Role.OPERATOR: grant("operator"),
    Role.HOST: grant("host", hosts=["10.0.0.7"]),
    Role.REGISTRAR: grant("registrar", services=["*"]),
    Role.AUDITOR: grant("auditor"),
    Role.ADMIN: grant("admin"),
}
"""With grants for the app `shop`, and for the host of the instance 1."""


def _fill(label: str, text: str) -> Callable[[Tab], Any]:
    return lambda tab: tab.page.locator("dialog").get_by_label(label, exact=True).fill(text)


def _variable(tab: Tab) -> None:
    tab.page.get_by_label("POOL", exact=True).fill("16")
    tab.press("Review 1 change")


def _secret(tab: Tab) -> None:
    _fill("Name", "SMTP")(tab)
    _fill("Value", "battery staple")(tab)


@dataclass(frozen=True)
class Change:
    """What can be changed: where, by which button, with what in its dialog; its operation and verb."""

    operation: str
    verb: str
    path: str
    button: str
    fill: Callable[[Tab], Any] = lambda tab: None


SHOP, RUNS, LOCKED, FAILED = "/apps/shop", "/instances/1", "/instances/2", "failed"
CHANGES = [
    Change("patch_env", "Change", SHOP, r"Edit variables", _variable),
    Change("set_scale", "Scale", SHOP, r"Scale (web|worker) at b71d004", _fill("Instances", "7")),
    Change("set_scale", "Scale", SHOP, r"Scale 3f9c2e1", _fill("Instances of web", "2")),
    Change("patch_app", "Make it head", SHOP, r"Make head 3f9c2e1"),
    Change("ratify_revision", "Ratify", SHOP, r"Ratify e0a11ce", _fill("Where its archive is (URL)", "https://x.example/a")),
    Change("set_secret", "Set", SHOP, r"Set a secret", _secret),
    Change("set_secret", "Set", SHOP, r"Change DB_PASSWORD", _fill("Value", "other horse")),
    Change("remove_secret", "Remove", SHOP, r"Remove DB_PASSWORD"),
    Change("undo_commit", "Undo", SHOP, r"undo rev \d+"),
    Change("revert_subtree", "Take it back", SHOP, r"back to here, rev \d+"),
    Change("undo_commit", "Undo", "/log?path=/apps/shop", r"undo rev \d+"),
    Change("stop_instance", "Stop", RUNS, r"Stop"),
    Change("lose_instance", "It is lost", RUNS, r"Lost", _fill("Why", "gone")),
    Change("lock_instance", "Lock", RUNS, r"Lock", _fill("Why", "to look at it")),
    Change("unlock_instance", "Unlock", LOCKED, r"Unlock"),
    Change("unregister_instance", "Unregister", FAILED, r"Unregister"),
]  # fmt: skip
READS = re.compile(r"Copy|Show more|and \d+ more|Load older ones|Clear|Log out|Back to the present")
"""Buttons that change nothing."""


def test_each_change_that_the_page_can_ask_for_has_a_row() -> None:
    found = set()
    for file in FILES.rglob("*.js"):
        for said in re.findall(r"\bverb: ([^\n]*)", file.read_text()):
            found.add(re.findall(r'"([^"]+)"', said)[0])
    assert found == {change.verb for change in CHANGES}


def test_each_page_has_a_row() -> None:
    pages = set(re.findall(r'case "(\w+)":', (FILES / "main.js").read_text()))
    assert pages == {path.strip("/").partition("?")[0].partition("/")[0] for path in PAGES if path != "/"}


def may(role: Role, change: Change, host: str) -> bool:
    """Whether the service's table lets a role do it, with the grants above."""
    row = row_of(change.operation)
    if role is Role.HOST and host != "10.0.0.7":
        return False
    return role in row.all or (role in row.own and role is not Role.REGISTRAR)


def buttons(tab: Tab) -> set[str]:
    """The names of the page's buttons."""
    names: list[str] = tab.page.eval_on_selector_all(
        "main button", "all => all.map(one => one.getAttribute('aria-label') || one.textContent.trim())"
    )
    return {name for name in names if not READS.fullmatch(name)}


HERE = {
    SHOP: ("Secrets", "DB_PASSWORD", "env set prod-7 of shop registered"),
    "/log?path=/apps/shop": ("secret DB_PASSWORD",),
    RUNS: ("What happened", "restarted"),
    LOCKED: ("What happened", "locked"),
    FAILED: ("What happened", "exit code 137"),
}


@pytest.mark.parametrize("role", [role for role in ROLES if role is not Role.REGISTRAR])
def test_a_role_is_offered_what_it_may_do_and_it_works(closed: Service, log_in: Any, role: Role) -> None:
    """Nothing else; and in the past nothing at all."""
    failed = closed.get("/instances?status=failed").json()["items"][0]
    tab = log_in("/store", ROLES[role], name=f"the-{role}")
    tab.waits_for(f"the-{role}", within=".self")
    for path, words in HERE.items():
        instance = failed["id"] if path is FAILED else path.rpartition("/")[2]
        place = f"/instances/{instance}" if path in (RUNS, LOCKED, FAILED) else path
        if closed_to(role, path):
            continue
        tab.go(place)
        tab.waits_for(*words)
        host = closed.get(place).json()["host"] if "instances" in place else ""
        allowed = [change for change in CHANGES if may(role, change, host)]
        rows = [change for change in allowed if change.path == path]
        there = buttons(tab)
        for change in rows:
            assert any(re.fullmatch(change.button, name) for name in there), (role, change)
        for name in there:
            assert any(re.fullmatch(change.button, name) for change in allowed), (role, path, name)
        for change in rows:
            button = next(iter(sorted(name for name in there if re.fullmatch(change.button, name))))
            tab.press(button)
            change.fill(tab)
            until_taken(tab, change)
            tab.page.keyboard.press("Escape")
            tab.page.wait_for_selector("dialog", state="detached")
        if any(change.button == "Edit variables" for change in rows):
            tab.press("Cancel")
        tab.page.keyboard.press(",")
        tab.waits_for("This is the past", within=".banner")
        assert buttons(tab) == set()
        tab.page.keyboard.press("l")
        tab.is_at(None)


def until_taken(tab: Tab, change: Change) -> None:
    """Until the service says that it would do it, or, of what is taken back, what stands against that."""
    if change.operation in ("undo_commit", "revert_subtree"):
        tab.page.wait_for_selector("dialog .objects, dialog .verdict.bad, dialog .empty")
        assert "not allowed" not in tab.text("dialog")
    else:
        tab.waits_for("The service would take it.", within="dialog")


def closed_to(role: Role, path: str) -> bool:
    """Whether a role may not see it: it is of another host, or another app."""
    return path in {Role.HOST: (SHOP, LOCKED, FAILED, "/log?path=/apps/shop"), Role.VIEWER: (FAILED,)}.get(
        role, ()
    )


ALL = {"/": ("Needs you", "below target", "shop", "9 / 9"), "/log": ("secret DB_PASSWORD",)}
"""Where it differs from what is seen without tokens: here one has made it all."""

OWN: dict[Role, dict[str, tuple[str, ...]]] = {
    role: {
        "/": ("shop", "9 / 9"),
        "/apps/shop": ("Processes", "DATABASE_URL", "DB_PASSWORD"),
        "/hosts": ("10.0.0.7",),
        "/hosts/10.0.0.7": ("shop", "running"),
        "/instances/1": ("pending", "claimed"),
        "/log": ("secret DB_PASSWORD", "Only what your token may see is listed"),
        "/services": ("cache", "10.0.0.21"),
        "/members": ("Your token does not show the platform's own parts",),
        "/store": ("ready", "shown to operators"),
        "/diff?from=70": ("From rev 70", "/apps/shop"),
    }
    for role in (Role.VIEWER, Role.DEPLOYER)
}
OWN[Role.HOST] = OWN[Role.VIEWER] | {
    "/": ("Your token shows no app",),
    "/apps/shop": ("or your token does not show it",),
    "/log": ("Only what your token may see is listed",),
    "/members": ("1.4.2", "10.0.0.7"),
    "/diff?from=70": ("From rev 70",),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_on_each_page_what_it_may_and_is_told_what_is_missing(log_in: Any, role: Role) -> None:
    tab = log_in("/", ROLES[role], name=f"the-{role}")
    for path, words in PAGES.items():
        tab.go(path)
        if role is Role.REGISTRAR:
            # The same page at each address: no other is for them.
            tab.waits_for("Services", "cache", "10.0.0.21", "queue", f"The token the-{role} shows services")
            continue
        tab.waits_for(*OWN[role][path] if role in OWN else ALL.get(path, words))
        if role in (Role.VIEWER, Role.DEPLOYER):
            for other in ("mail", "reports"):
                assert other not in tab.text(), (path, other)
