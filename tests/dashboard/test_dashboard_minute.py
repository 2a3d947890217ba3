"""A stranger's first minute, by mouse alone: what runs where, what changed at 18:04 and who did it, and how
to take it back. No key is pressed, and no address is typed.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.cli.demo.clock import DemoClock
from app.registry.readable import index
from app.settings import Settings
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from tests.dashboard.seed import Speaker, seed
from tests.dashboard.tab import Tab
from tests.etcd.cluster import until
from tests.serving import Service


class Mouse:
    """Clicks and drags in a tab, and counts them."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.clicks = 0

    def click(self, what: Any) -> None:
        """A click in the middle of what is seen."""
        what.scroll_into_view_if_needed()
        box = what.bounding_box()
        self.tab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.clicks += 1

    def drag_moment(self, part: float) -> None:
        """The handle of the axis, from the present to this part of it."""
        box = self.tab.page.locator(".track").bounding_box()
        mouse, y = self.tab.page.mouse, box["y"] + 12
        mouse.move(box["x"] + box["width"] - 8, y)
        mouse.down()
        mouse.move(box["x"] + 8 + (box["width"] - 16) * part, y, steps=6)
        mouse.up()
        self.clicks += 1


def test_a_stranger_finds_by_mouse_alone_what_runs_where_what_changed_who_did_it_and_how_to_take_it_back(
    open_tab: Any,
) -> None:
    clock = DemoClock()
    store = EmbeddedStore(NoLog(), index, history=10_000, memory_revs=10_000, clock=clock)
    visor = Service(Settings(store="memory:", log_level="error"), store)
    try:
        now = datetime.now(UTC)
        trouble = (now - timedelta(hours=2)).replace(second=11, microsecond=0)
        clock.set(now - timedelta(hours=10))
        seed(visor)
        clock.set(trouble)
        Speaker(visor, "mallory").say("PATCH", "/apps/shop/env", {"POOL": "9000"})
        clock.set(trouble + timedelta(minutes=20))
        Speaker(visor, "anna").say("PATCH", "/apps/mail/env", {"GREETING": "hello"})
        clock.let_go()
        tab = open_tab(visor.url)
        mouse = Mouse(tab)
        page = tab.page
        tab.waits_for("9 / 9")
        # What runs where: an app, and on which hosts.
        mouse.click(page.get_by_role("link", name="shop", exact=True))
        tab.waits_for("Processes", "10.0.0.7", "db1.example.com")
        assert mouse.clicks == 1
        # What changed then, and who did it: the moment on the axis, and the log of it.
        at = (trouble + timedelta(minutes=1) - (now - timedelta(hours=10))) / timedelta(hours=10)
        mouse.drag_moment(at)
        tab.waits_for("Nothing can be changed here", within=".banner")
        tab.waits_for("POOL 8 → 9000", "mallory", f"{trouble:%H:%M}")
        assert mouse.clicks == 2
        # How to take it back.
        mouse.click(page.get_by_role("button", name="Back to the present"))
        tab.is_at(None)
        worse = visor.get("/commits?actor=mallory&limit=1").json()["items"][0]["rev"]
        mouse.click(page.get_by_role("button", name=f"undo rev {worse}"))
        tab.waits_for("env.POOL: 9000 → 8", "The service would take it.", within="dialog")
        mouse.click(page.locator("dialog").get_by_role("button", name="Undo", exact=True))
        until(lambda: visor.get("/apps/shop/env").json()["vars"]["POOL"] == "8", "it is taken back")
        tab.waits_for("POOL 9000 → 8")
        assert mouse.clicks == 5
    finally:
        visor.stop()
