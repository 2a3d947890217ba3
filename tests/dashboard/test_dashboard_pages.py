"""Each page of the dashboard: what it shows, now and in the past; light and dark, wide and narrow."""

from pathlib import Path
from typing import Any

import pytest

from tests.serving import Service, serving

PAGES = {
    "/": ("Needs you", "below target", "shop", "9 / 9", "deploy-bot"),
    "/apps/shop": ("shop", "Processes", "DATABASE_URL", "proposed", "env set prod-7 of shop registered"),
    "/hosts": ("4 hosts, 1 instance without one", "db1.example.com"),
    "/hosts/10.0.0.7": ("shop", "running"),
    "/instances/1": ("pending", "claimed", "box0.example.com:20001", "0 failed, 1 out of memory"),
    "/log": ("ben", "app shop: LOG_LEVEL info → debug, POOL 8 → 800"),
    "/services": ("cache", "10.0.0.21", "queue"),
    "/members": ("Process managers", "1.4.2", "10.0.0.30:514", "10.0.0.7:9000"),
    "/store": ("ready", "Revs that can be read"),
    "/diff?from=70": ("From rev 70", "/services/cache"),
}
"""What each page says of the seeded platform."""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_what_there_is(seeded: Service, open_tab: Any, path: str) -> None:
    tab = open_tab(seeded.url, path)
    tab.waits_for(*PAGES[path])
    assert tab.text(".light") == "live"
    assert tab.page.title().endswith("Visor")


LOOKS = [("light", 1280), ("dark", 390)]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_no_page_is_closed_to_a_screen_reader_or_wider_than_its_window(
    seeded: Service, open_tab: Any, axe: str, shots: Path | None, scheme: str, width: int
) -> None:
    """axe has no complaint, of contrast too; nothing sticks out to the side."""
    tab = open_tab(seeded.url, scheme=scheme, width=width)
    tab.page.evaluate(axe)
    found = {}
    for path, words in PAGES.items():
        tab.go(path)
        tab.waits_for(words[0])
        judged = tab.page.evaluate("async () => (await axe.run()).violations")
        found[path] = [(one["id"], [node["target"] for node in one["nodes"]]) for one in judged]
        over = tab.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if over > 0:
            found[path].append(("wider than the window", over))
        if shots is not None:
            name = path.strip("/").partition("?")[0].replace("/", "-") or "overview"
            tab.page.screenshot(path=shots / f"{name}-{scheme}-{width}.png")
    assert not {path: complaints for path, complaints in found.items() if complaints}


def test_an_empty_registry_says_how_to_begin(open_tab: Any, axe: str) -> None:
    with serving() as visor:
        tab = open_tab(visor.url)
        tab.waits_for("No app is registered", "visor demo")
        tab.page.evaluate(axe)
        for path in (
            "/",
            "/hosts",
            "/log",
            "/services",
            "/members",
            "/apps/none",
            "/instances/7",
            "/nowhere",
        ):
            tab.go(path)
            tab.page.wait_for_selector("main h1, main h2", state="attached")
            violations = tab.page.evaluate("async () => (await axe.run()).violations.map(one => one.id)")
            assert not violations, path


@pytest.mark.parametrize(
    ("path", "rev", "there", "gone"),
    [
        ("/", 3, ("shop", "0"), ("search", "mail")),
        ("/apps/shop", 75, ("800", "debug"), ("Edit", "Scale")),
        ("/hosts", 60, ("10.0.0.7",), ("lost 1",)),
        ("/instances/1", 20, ("pending", "No"), ("box0.example.com",)),
        ("/log", 10, ("app shop registered",), ("app mail",)),
        ("/services", 70, ("No service is registered",), ("cache",)),
        ("/members", 80, ("Process managers",), ("1.4.2",)),
    ],
)
def test_a_link_shows_a_moment_of_the_past_and_nothing_can_be_changed_there(
    seeded: Service, open_tab: Any, path: str, rev: int, there: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    tab = open_tab(seeded.url, f"{path}?rev={rev}")
    tab.is_at(rev)
    tab.waits_for(*there)
    tab.lacks(*gone)
    tab.press("Back to the present")
    tab.is_at(None)


def test_the_past_is_what_a_read_at_that_rev_says(seeded: Service, open_tab: Any) -> None:
    """All kinds of objects, at moments forth and back, against the lists that the service gives. But for the
    revs and times of what was changed and changed back, which a diff does not tell."""

    def content(items: list[dict[str, Any]]) -> list[str]:
        return sorted(str({k: v for k, v in one.items() if k not in ("rev", "updated_at")}) for one in items)

    tab = open_tab(seeded.url, "/hosts")
    for rev in (84, 30, 31, 62, 2, 84, 50):
        tab.go(f"/hosts?rev={rev}")
        tab.is_at(rev)
        shown = tab.page.evaluate(
            """async () => {
                const { state } = await import(new URL("ui/state.js", location.href).href);
                const { kinds, rev } = state.past.registry;
                return { rev, instance: [...kinds.instance.values()], app: [...kinds.app.values()],
                    service: [...kinds.service.values()], revision: [...kinds.revision.values()] };
            }"""
        )
        assert shown["rev"] == rev
        for kind in ("app", "instance", "service", "revision"):
            page = seeded.get(f"/{kind}s", params={"rev": rev, "limit": 1000}).json()["items"]
            assert content(shown[kind]) == content(page), (kind, rev)
