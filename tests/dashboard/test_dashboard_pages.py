"""Each page of the dashboard: what it shows, now and in the past; light and dark, wide and narrow."""

from typing import Any

import pytest

from tests.dashboard.looks import BROKEN, EMPTY, FULL, PAGES, complaints, forgetful, shown
from tests.serving import Service, serving


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_what_there_is(seeded: Service, open_tab: Any, path: str) -> None:
    tab = open_tab(seeded.url, path)
    tab.waits_for(*PAGES[path])
    assert tab.text(".light") == "live"
    assert tab.page.title().endswith("Visor")


LOOKS = [("light", 1280), ("dark", 390)]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_no_page_and_no_dialog_is_closed_to_a_screen_reader_or_wider_than_its_window(
    seeded: Service, open_tab: Any, axe: str, scheme: str, width: int
) -> None:
    """axe has no complaint, of contrast too; nothing sticks out to the side."""
    tab = open_tab(seeded.url, scheme=scheme, width=width)
    tab.page.evaluate(axe)
    found = {}
    for look in FULL:
        shown(tab, look)
        found[look.name] = complaints(tab)
    assert not {name: wrong for name, wrong in found.items() if wrong}


def test_an_empty_registry_says_how_to_begin_and_no_page_is_closed_to_a_screen_reader(
    open_tab: Any, axe: str
) -> None:
    with serving() as visor:
        tab = open_tab(visor.url)
        tab.waits_for("No app is registered", "visor demo")
        tab.page.evaluate(axe)
        for look in EMPTY:
            shown(tab, look)
            assert not complaints(tab), look.name


def test_an_address_that_leads_nowhere_says_so_and_no_page_is_closed_to_a_screen_reader(
    open_tab: Any, axe: str
) -> None:
    with forgetful() as visor:
        tab = open_tab(visor.url)
        tab.page.evaluate(axe)
        for look in BROKEN:
            shown(tab, look)
            assert not complaints(tab), look.name


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
    """All kinds of objects, at moments forth and back, against the lists that the service gives; of instances
    what all pages need. But for the revs and times of what was changed and changed back, which a diff does
    not tell."""

    def content(kind: str, items: list[dict[str, Any]]) -> list[str]:
        names = shown["fields"] if kind == "instance" else sorted(items[0]) if items else []
        return sorted(str([one[k] for k in names if k not in ("rev", "updated_at")]) for one in items)

    tab = open_tab(seeded.url, "/hosts")
    for rev in (84, 30, 31, 62, 2, 84, 50):
        tab.go(f"/hosts?rev={rev}")
        tab.is_at(rev)
        shown = tab.page.evaluate(
            """async () => {
                const { state } = await import(new URL("ui/state.js", location.href).href);
                const { INSTANCE_FIELDS } = await import(new URL("ui/registry.js", location.href).href);
                const { kinds, rev } = state.past.registry;
                return { rev, fields: INSTANCE_FIELDS,
                    instance: [...kinds.instance.values()], app: [...kinds.app.values()],
                    service: [...kinds.service.values()], revision: [...kinds.revision.values()] };
            }"""
        )
        assert shown["rev"] == rev
        for kind in ("app", "instance", "service", "revision"):
            page = seeded.get(f"/{kind}s", params={"rev": rev, "limit": 1000}).json()["items"]
            assert content(kind, shown[kind]) == content(kind, page), (kind, rev)


def test_an_instance_is_shown_whole_though_the_page_began_with_a_part_of_it(
    seeded: Service, open_tab: Any
) -> None:
    """Its address and claims are asked for when it is looked at, now and in the past, and once more where
    that was not answered."""
    one, other = (seeded.get(f"/instances/{id}").json() for id in (1, 2))
    tab = open_tab(seeded.url, "/instances/1")
    tab.waits_for(f"{one['hostname']}:{one['port']}", "Given back because")
    tab.page.route("**/instances/2", lambda route: route.abort())
    tab.go("/instances/2")
    tab.waits_for("The rest of it cannot be shown now: the service does not answer.")
    tab.page.unroute("**/instances/2")
    tab.waits_for(f"{other['hostname']}:{other['port']}", "Given back because")
    tab.go(f"/instances/2?rev={other['claim_rev']}")
    tab.is_at(other["claim_rev"])
    tab.waits_for("claimed", "Given back because")
    tab.lacks(other["hostname"])


def test_what_needs_somebody_is_named_each_kind_and_the_worst_first(seeded: Service, open_tab: Any) -> None:
    """Hosts that lost something, failures of the last hour, tickets that wait for over 60 seconds, and what
    is below its target: as they stand in a minute, and without the lost and the failed in two hours."""
    tab = open_tab(seeded.url, "/store")
    kinds = """async (later) => {
        const { state } = await import(new URL("ui/state.js", location.href).href);
        const { needs } = await import(new URL("ui/registry.js", location.href).href);
        const seen = needs(state.live.registry, Date.now() + later);
        return seen.map(({ kind }) => kind).filter((kind, at, all) => kind !== all[at - 1]);
    }"""
    assert tab.page.evaluate(kinds, 65_000) == ["silent", "failed", "pending", "below"]
    assert tab.page.evaluate(kinds, 7_200_000) == ["pending", "below"]


def test_the_axis_marks_what_stands_out_and_cells_are_coloured_by_revision(
    seeded: Service, open_tab: Any
) -> None:
    """Deploys, changes and failures have a colour in the bars, and the worst of a bar its mark. Below stand
    times to find a moment by, and in the past the banner says what was done then, and by whom."""
    tab = open_tab(seeded.url, "/hosts")
    for kind in ("deploy", "change", "failure", "mark"):
        tab.page.wait_for_selector(f".track rect.{kind}", state="attached")
    ticks = tab.page.evaluate(
        """async () => {
            const { ticks } = await import(new URL("ui/slider.js", location.href).href);
            const [begin, end] = ["2026-11-30T16:01:23Z", "2026-12-01T16:01:23Z"].map(Date.parse);
            return ticks({ begin, end }).map(({ at, text }) => `${text} ${new Date(at).toISOString()}`);
        }"""
    )
    assert ticks[:2] == ["20:00 2026-11-30T20:00:00.000Z", "22:00 2026-11-30T22:00:00.000Z"]
    assert ticks[-1] == "14:00 2026-12-01T14:00:00.000Z"
    assert tab.page.query_selector(".cells i.running")
    tab.page.get_by_label("Colour by").select_option("revision")
    tab.waits_for("3f9c2e1", "b71d004", within=".legend")
    assert not tab.page.query_selector(".cells i.running")
    colours = "all => new Set(all.map(cell => getComputedStyle(cell).backgroundColor)).size"
    assert tab.page.eval_on_selector_all(".cells i", colours) == 2
    tab.press("One commit back")
    tab.is_at(seeded.rev - 1)
    tab.waits_for("anna: loggers 10.0.0.30:514 registered", within=".banner")


def test_commits_of_one_person_in_one_minute_stand_together(seeded: Service, open_tab: Any) -> None:
    tab = open_tab(seeded.url, "/log?by=ben")
    tab.waits_for("POOL 8 → 800", "POOL 800 → 8")
    heads = tab.page.eval_on_selector_all(".fold > p", "all => all.map(p => p.innerText)")
    assert len(heads) <= 2, "at most the turn of one minute lies between them"
    assert all(head.startswith("ben") for head in heads)


def test_however_much_happens_the_page_is_drawn_once_a_frame(seeded: Service, open_tab: Any) -> None:
    tab = open_tab(seeded.url, "/store")
    drawn, frames = tab.page.evaluate(
        """async () => {
            const { redraw } = await import(new URL("ui/state.js", location.href).href);
            const drawn = () => performance.getEntriesByName("visor-drawn").length;
            const before = drawn();
            let frames = 0;
            while (frames < 10) {
                for (let times = 0; times < 100; times += 1) redraw();
                await new Promise((resolve) => requestAnimationFrame(resolve));
                frames += 1;
            }
            return [drawn() - before, frames];
        }"""
    )
    assert 1 <= drawn <= frames
