"""Every page, dialog and state of the dashboard as it looks: `python -m tests.dashboard.looks --out DIR`.

Writes a picture of each, light and dark, wide and narrow, and sheets of many of them, to be looked at by eye.
Says what axe complains of and what sticks out to the side, and ends with 1 where there is something. Needs
Chromium, npm and the extra `test`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.access.holders import closed_service, give, grant
from tests.dashboard.chromium import CHROMIUM, FLAGS, axe_source
from tests.dashboard.seed import Speaker, seed
from tests.dashboard.tab import Tab
from tests.serving import Service, serving

SIZES = {"wide": (1280, 860), "narrow": (390, 844)}
SCHEMES = ("light", "dark")
STYLE = """
body { margin: 8px; display: grid; grid-template-columns: repeat(ACROSS, 1fr); gap: 8px; font: 13px Sans }
img { width: 100%; border: 1px solid #888 } figure { margin: 0 }
"""


@dataclass(frozen=True)
class Look:
    """A state of the page: where, what somebody does there, and what is there once it is drawn."""

    name: str
    path: str
    words: tuple[str, ...]
    act: Callable[[Tab], Any] = lambda tab: None
    within: str = "main"


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


def _edit(tab: Tab) -> None:
    tab.press("Edit variables")
    tab.page.get_by_label("POOL", exact=True).fill("16")
    tab.press("Remove LOG_LEVEL")
    tab.press("Add a variable")
    tab.page.get_by_label("Name of the new variable").fill("REGION")


def _review(tab: Tab) -> None:
    _edit(tab)
    tab.press("Review 3 changes")


def _scale_too_far(tab: Tab) -> None:
    tab.press("Scale web at b71d004")
    tab.page.get_by_label("Instances", exact=True).fill("10001")


def _secret(tab: Tab) -> None:
    tab.press("Set a secret")
    tab.page.get_by_label("Name", exact=True).fill("SMTP")
    tab.page.get_by_label("Value", exact=True).fill("battery staple")


def _back(tab: Tab) -> None:
    tab.page.get_by_role("button", name="back to here").last.click()


def _undo(tab: Tab) -> None:
    tab.page.get_by_role("button", name="undo").first.click()


def _search(words: str) -> Callable[[Tab], None]:
    return lambda tab: tab.page.locator("#search").fill(words)


DIALOG = "dialog"
TAKEN = "The service would take it."

FULL = [
    *(
        Look(path.partition("?")[0].strip("/").replace("/", "-") or "overview", path, words[:1])
        for path, words in PAGES.items()
    ),
    Look("app-edited", "/apps/shop", ("Review 3 changes",), _edit),
    Look("app-reviewed", "/apps/shop", ("POOL: 8 → 16", TAKEN), _review, DIALOG),
    Look("app-scaled", "/apps/shop", (TAKEN,), lambda tab: tab.press("Scale worker at b71d004"), DIALOG),
    Look("app-refused", "/apps/shop", ("10000",), _scale_too_far, DIALOG),
    Look("app-ratified", "/apps/shop", ("archive",), lambda tab: tab.press("Ratify e0a11ce"), DIALOG),
    Look("app-secret", "/apps/shop", (TAKEN,), _secret, DIALOG),
    Look("app-back", "/apps/shop", ("The counts too",), _back, DIALOG),
    Look("app-undone", "/apps/shop", ("Undo rev",), _undo, DIALOG),
    Look("app-past", "/apps/shop?rev=75", ("800",)),
    Look(
        "instance-lock",
        "/instances/1",
        (TAKEN,),
        lambda tab: (tab.press("Lock"), tab.page.get_by_label("Why", exact=True).fill("to look at it")),
        DIALOG,
    ),
    Look(
        "hosts-by-revision",
        "/hosts",
        ("4 hosts",),
        lambda tab: tab.page.locator(".legend select").select_option("revision"),
    ),
    Look("log-filtered", "/log?by=ben&path=/apps/shop", ("POOL 800 → 8",)),
    Look("log-nothing", "/log?by=nobody", ("No commit fits",)),
    Look("search", "/store", ("b71d004 of shop",), _search("b71"), ".search"),
    Look("search-nothing", "/store", ("Nothing of that name",), _search("zebra"), ".search"),
]
"""A platform at work."""

EMPTY = [
    Look("empty-overview", "/", ("No app is registered",)),
    Look("empty-hosts", "/hosts", ("No host",)),
    Look("empty-log", "/log", ("No commit",)),
    Look("empty-services", "/services", ("No service",)),
    Look("empty-members", "/members", ("Members",)),
    Look("empty-store", "/store", ("ready",)),
    Look("empty-diff", "/diff?from=0", ("Nothing differs",)),
]
"""A registry in which nothing is."""

BROKEN = [
    Look("broken-no-app", "/apps/none", ("There is no app none",)),
    Look("broken-no-instance", "/instances/777", ("There is no instance 777",)),
    Look("broken-no-host", "/hosts/10.9.9.9", ("holds no instance",)),
    Look("broken-no-page", "/nowhere", ("Not here",)),
    Look("broken-dropped", "/hosts?rev=3", ("dropped",), within=".notice"),
    Look("broken-dropped-diff", "/diff?from=3", ("dropped",)),
    Look("broken-filter", "/log?path=nonsense/..", ("path",), within="main .notice"),
]
"""Addresses that lead nowhere, in a registry that keeps little of its past."""


def shown(tab: Tab, look: Look) -> None:
    """Have the tab show it."""
    tab.page.keyboard.press("Escape")
    tab.go("/store" if look.path != "/store" else "/hosts")
    tab.page.evaluate("document.querySelector('#search').value = ''")
    tab.page.wait_for_selector("dialog", state="detached")
    tab.go(look.path)
    tab.page.wait_for_selector("main h1, main h2", state="attached")
    look.act(tab)
    tab.waits_for(*look.words, within=look.within)


def complaints(tab: Tab) -> list[str]:
    """What axe says of the page as it is, and whether it sticks out to the side. Axe has to be there."""
    judged = tab.page.evaluate("async () => (await axe.run()).violations")
    found = [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in judged]
    over = tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, *([f"wider than the window by {over}"] if over > 0 else [])]


@contextmanager
def full() -> Iterator[Service]:
    """The seeded platform, with a secret."""
    with serving() as visor:
        seed(visor)
        Speaker(visor, "anna").say("PUT", "/apps/shop/secrets/DB_PASSWORD", {"value": "correct horse"})
        yield visor


@contextmanager
def forgetful() -> Iterator[Service]:
    """The same with little of its history."""
    with serving(history=10) as visor:
        seed(visor)
        yield visor


class Camera:
    """Takes the pictures of all states, in one scheme and size."""

    def __init__(self, browser: Any, axe: str, out: Path, scheme: str, size: str) -> None:
        width, height = SIZES[size]
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="UTC"
        )
        self.axe, self.out, self.how = axe, out, f"{scheme}-{size}"
        self.found: dict[str, list[str]] = {}
        self.taken: list[Path] = []

    def tab(self, url: str, login: str | None = None) -> Tab:
        """A new one, by which it can be judged."""
        tab = Tab(self.context, url, "/", login)
        tab.page.wait_for_selector("main, .login")
        tab.page.evaluate(self.axe)
        return tab

    def take(self, tab: Tab, name: str) -> None:
        """A picture, and what is wrong."""
        tab.page.wait_for_timeout(250)
        if wrong := complaints(tab):
            self.found[f"{name} {self.how}"] = wrong
        self.taken.append(self.out / f"{name}-{self.how}.png")
        tab.page.screenshot(path=self.taken[-1])

    def take_all(self, url: str, looks: list[Look]) -> None:
        """A picture of each state."""
        tab = self.tab(url)
        for look in looks:
            shown(tab, look)
            self.take(tab, look.name)
        tab.page.close()

    def take_logins(self, closed: Service) -> None:
        """Before somebody is let in, and who is let in to nothing."""
        page = self.context.new_page()
        page.goto(f"{closed.url}/ui")
        page.wait_for_selector(".login input")
        page.close()
        tab = self.tab(closed.url, "vsr_nobody_knows_this")
        tab.waits_for("does not know this token")
        self.take(tab, "login-refused")
        tab.paste(give(closed, grant("registrar", services=["*"]), name="rolf").token)
        tab.waits_for("rolf")
        self.take(tab, "login-registrar")
        tab.press("Log out")
        tab.lacks("rolf")
        self.take(tab, "login")
        tab.paste(give(closed, grant("viewer", apps=["shop"]), name="vera").token)
        tab.waits_for("9 / 9")
        self.take(tab, "viewer")
        tab.page.close()
        self.context.clear_cookies()

    def take_alone(self) -> None:
        """The service goes away."""
        with serving() as visor:
            seed(visor)
            tab = self.tab(visor.url)
            tab.waits_for("9 / 9")
        tab.waits_for("The connection is gone", within=".banner")
        self.take(tab, "broken-alone")
        tab.page.close()


def sheets(browser: Any, pictures: list[Path], out: Path, how: str) -> None:
    """Many on one, to be looked at."""
    narrow = how.endswith("narrow")
    across, each = (6, 12) if narrow else (3, 9)
    for start in range(0, len(pictures), each):
        part = pictures[start : start + each]
        figures = "".join(
            f"<figure><figcaption>{one.stem}</figcaption><img src='{one.name}'></figure>" for one in part
        )
        style = STYLE.replace("ACROSS", str(across))
        (out / "sheet.html").write_text(f"<style>{style}</style>{figures}")
        page = browser.new_page(viewport={"width": 2000, "height": 800})
        page.goto((out / "sheet.html").as_uri())
        page.screenshot(path=out / f"sheet-{how}-{start // each + 1}.png", full_page=True)
        page.close()


def main() -> int:
    """The command."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--out", type=Path, required=True, help="a directory for the pictures")
    parser.add_argument("--only", default="", help="one of light-wide, light-narrow, dark-wide, dark-narrow")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as where:
        axe = axe_source(Path(where))
    if axe is None or CHROMIUM is None:
        parser.error("it needs Chromium and npm")
    found: dict[str, list[str]] = {}
    with ExitStack() as stack:
        there, empty, short = (stack.enter_context(made()) for made in (full, serving, forgetful))
        closed = stack.enter_context(closed_service())
        seed(closed, give(closed, grant("host", hosts=["*"]), name="hosts").token)
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for scheme in SCHEMES:
            for size in SIZES:
                if given.only not in ("", f"{scheme}-{size}"):
                    continue
                camera = Camera(browser, axe, given.out, scheme, size)
                camera.take_all(there.url, FULL)
                camera.take_all(empty.url, EMPTY)
                camera.take_all(short.url, BROKEN)
                camera.take_logins(closed)
                camera.take_alone()
                camera.context.close()
                sheets(browser, camera.taken, given.out, camera.how)
                found |= camera.found
        browser.close()
    for name, wrong in found.items():
        sys.stdout.write(f"{name}: {'; '.join(wrong)}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
