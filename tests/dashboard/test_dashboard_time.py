"""The time slider: by mouse, by keys, and two moments compared."""

from typing import Any

from tests.dashboard.seed import seed
from tests.etcd.cluster import until
from tests.serving import Service, serving


def test_keys_step_through_commits_play_and_come_back(seeded: Service, open_tab: Any) -> None:
    """`,` and `.` one commit back and forth, space plays, `l` is the present."""
    tab = open_tab(seeded.url)
    tab.waits_for("deploy-bot")
    last = seeded.rev
    tab.page.keyboard.press(",")
    tab.is_at(last - 1)
    tab.page.keyboard.press(",")
    tab.is_at(last - 2)
    tab.page.keyboard.press(".")
    tab.is_at(last - 1)
    tab.page.keyboard.press(".")
    tab.is_at(None)
    for _ in range(3):
        tab.page.keyboard.press(",")
    tab.is_at(last - 3)
    tab.page.keyboard.press(" ")
    tab.is_at(None)
    tab.go(f"/log?rev={last - 5}")
    tab.is_at(last - 5)
    tab.page.keyboard.press("l")
    tab.is_at(None)


def test_a_drag_shows_the_moment_on_whatever_page(seeded: Service, open_tab: Any) -> None:
    tab = open_tab(seeded.url, "/apps/shop")
    tab.waits_for("History", "ben")
    box = tab.page.locator(".track").bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] - 9, box["y"] + 10)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 9, box["y"] + 10, steps=8)
    tab.page.mouse.up()
    tab.page.wait_for_selector(".banner")
    tab.waits_for("Nothing can be changed here", within=".banner")
    tab.lacks("DATABASE_URL: changed", "Scale")
    tab.page.go_back()
    tab.is_at(None)


def test_the_slider_goes_by_arrow_keys(seeded: Service, open_tab: Any) -> None:
    tab = open_tab(seeded.url)
    tab.waits_for("deploy-bot")
    tab.page.get_by_role("slider", name="Moment").focus()
    tab.page.keyboard.press("Home")
    tab.waits_for("Nothing can be changed here", within=".banner")
    tab.page.keyboard.press("End")
    tab.is_at(None)


def test_two_moments_are_compared(seeded: Service, open_tab: Any) -> None:
    """Who made it worse, and what it was before: found by mouse alone."""
    tab = open_tab(seeded.url, "/log")
    tab.waits_for("POOL 8 → 800")
    rev = next(
        event["rev"]
        for event in seeded.get("/events/list?type=app-update&limit=1000&rev=0").json()["items"]
        if event["object"]["env"].get("POOL") == "800"
    )
    tab.press(f"diff of rev {rev}", role="link")
    tab.waits_for("/apps/shop", "env.POOL: 8 → 800", "ben")


def test_two_handles_show_what_differs_between_them(seeded: Service, open_tab: Any) -> None:
    """The second one goes by mouse and by keys; what is shown follows both."""
    tab = open_tab(seeded.url, "/apps/shop")
    tab.waits_for("History", "ben")
    tab.press("Compare", role="link")
    tab.waits_for("From rev", f"to {seeded.rev}")
    handle = tab.page.get_by_role("slider", name="Compared with")
    handle.focus()
    tab.page.keyboard.press("Home")
    tab.waits_for("From rev 1 to", "/services/cache", "apps new", "anna")
    box = tab.page.locator(".track").bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] - 9, box["y"] + 20)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=4)
    tab.page.mouse.up()
    tab.waits_for("From rev 1 to", "apps new", within="main")
    tab.waits_for("This is the past", within=".banner")
    tab.page.get_by_title("Stop comparing").click()
    tab.waits_for("Processes")


def test_the_log_is_filtered_by_the_service_and_the_address_has_the_filters(
    seeded: Service, open_tab: Any
) -> None:
    """By whom, at which path, by type and in a span of time: in all there is, not in what was loaded."""
    tab = open_tab(seeded.url, "/log?by=ben")
    tab.waits_for("POOL 800 → 8")
    tab.lacks("deploy-bot")
    tab.page.get_by_label("Event").select_option("env-*")
    tab.waits_for("env set prod-7 of shop registered")
    tab.lacks("POOL")
    assert "type=env-" in tab.place
    tab.press("Clear")
    tab.page.get_by_label("At", exact=True).fill("/apps/mail")
    tab.page.keyboard.press("Tab")
    tab.waits_for("mail")
    tab.lacks("shop")
    tab.page.get_by_label("After").fill("2020-01-01T00:00:00")
    tab.waits_for("mail")
    tab.page.get_by_label("Up to").fill("2020-01-02T00:00:00")
    tab.waits_for("No commit fits")
    tab.go("/log?path=nonsense/..")
    tab.waits_for("path")
    tab.page.wait_for_selector("main .notice.bad")


def test_the_past_is_walked_without_asking_once_the_commits_are_there(seeded: Service, open_tab: Any) -> None:
    """And each object has its true rev and time, also where it was changed and changed back."""
    tab = open_tab(seeded.url, "/apps/shop")
    tab.press("One commit back")
    loaded = """async () => {
        const { state } = await import(new URL("ui/state.js", location.href).href);
        return state.history.complete && !state.history.loading;
    }"""
    until(lambda: tab.page.evaluate(loaded), "all commits are here")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    app = """async () => {
        const { state } = await import(new URL("ui/state.js", location.href).href);
        return state.past.registry.get("app", "shop");
    }"""
    last = seeded.rev
    for rev in (last - 3, 5, 40, last - 1, 12, 75):
        tab.go(f"/apps/shop?rev={rev}")
        tab.is_at(rev)
        if rev != 75:
            assert tab.page.evaluate(app) == seeded.get(f"/apps/shop?rev={rev}").json(), rev
    assert not [url for url in asked if "/diff" in url or "/rev" in url]


def test_a_page_that_is_open_for_weeks_keeps_no_more_than_a_bound(seeded: Service, open_tab: Any) -> None:
    """The oldest commits go; what is kept is still whole and in order."""
    tab = open_tab(seeded.url, "/store")
    kept = tab.page.evaluate(
        """async () => {
            const { History } = await import(new URL("ui/history.js", location.href).href);
            const history = new History(() => {});
            history.reset(0);
            const at = "2026-11-30T18:04:11Z";
            let most = 0;
            for (let rev = 1; rev <= 100000; rev += 1) {
                const event = { rev, index: 0, at, type: "instance-claim", app: "shop", before: null };
                history.take({ ...event, object: { id: rev, app: "shop" } });
                most = Math.max(most, history.events);
            }
            const { commits, from, events } = history;
            const [first, last] = [commits[0].rev, commits.at(-1).rev];
            return { most, from, events, commits: commits.length, first, last };
        }"""
    )
    assert kept["most"] <= 60_001
    assert kept["commits"] == kept["events"] == kept["last"] - kept["from"]
    assert (kept["first"], kept["last"]) == (kept["from"] + 1, 100_000)


def test_a_moment_that_is_no_longer_kept_is_told(open_tab: Any) -> None:
    with serving(history=10) as visor:
        seed(visor)
        tab = open_tab(visor.url, "/hosts?rev=3")
        tab.waits_for("dropped", within=".notice")
        assert "hosts" not in tab.text(), "what is there now is not shown as the past"
        tab.press("Back to the present")
        tab.waits_for("4 hosts")
        tab.is_at(None)


def test_search_finds_apps_hosts_revisions_variables_and_instances(seeded: Service, open_tab: Any) -> None:
    tab = open_tab(seeded.url, "/store")
    for words, hit in (
        ("sear", "search"),
        ("db1", "db1.example.com"),
        ("b71", "b71d004 of shop"),
        ("pool", "POOL of login"),
        ("7", "7"),
    ):
        tab.page.keyboard.press("/")
        tab.page.keyboard.type(words)
        tab.waits_for(hit, within=".search ul")
        tab.page.keyboard.press("Escape")
        tab.page.evaluate("document.activeElement.blur()")
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("sear")
    tab.page.keyboard.press("Enter")
    tab.waits_for("https://git.example.com/search.git")


def test_the_axis_is_of_all_that_is_kept_and_not_of_what_was_loaded(open_tab: Any) -> None:
    """The page loads the newest commits; the service says how much happened before, and when."""
    with serving() as visor:
        visor.runnable()
        for number in range(500):
            visor.put("/apps/cat/env/n", {"value": str(number)})
        tab = open_tab(visor.url, "/apps/cat")
        tab.waits_for("History", "499")
        known = """async () => {
            const { state } = await import(new URL("ui/state.js", location.href).href);
            return state.history.from;
        }"""
        until(lambda: tab.page.evaluate(known) is not None, "the newest are loaded")
        assert tab.page.evaluate(known) > 100
        until(lambda: len(tab.page.query_selector_all(".track rect")) > 3, "it has its bars")
        tab.page.get_by_role("slider", name="Moment").focus()
        tab.page.keyboard.press("Home")
        tab.waits_for("Nothing can be changed here", within=".banner")
        shown = int(tab.place.partition("rev=")[2])
        assert shown < 50
        tab.is_at(shown)
        # A link to what differs since then: its handle stands where that was, and its time is told.
        other = open_tab(visor.url, "/diff?from=20")
        at = visor.get("/commits/20").json()["at"]
        other.waits_for(f"{at[:10]} {at[11:19]} →")
