"""The dashboard stays live: tabs share one stream, and a cut, a 502 and a 410 are survived."""

import http.server
import threading
from pathlib import Path
from typing import Any

from tests.dashboard.seed import Speaker, seed
from tests.etcd.cluster import until
from tests.fault.visor_process import Launcher, Serving
from tests.serving import APP, ARCHIVE, Service, serving


def test_what_happens_is_shown_by_itself(seeded: Service, open_tab: Any) -> None:
    tab = open_tab(seeded.url, "/apps/mail")
    tab.lacks("GREETING")
    Speaker(seeded, "carla").say("PATCH", "/apps/mail/env", {"GREETING": "hello"})
    tab.waits_for("GREETING", "hello", "app mail: GREETING nothing → hello")


def test_tabs_share_one_stream(browser: Any, open_tab: Any) -> None:
    """A browser allows six connections to an origin. Later tabs have all that the first one has."""
    with serving() as visor:
        seed(visor)
        context = browser.new_context()
        tabs = [open_tab(visor.url, "/hosts", context=context) for _ in range(4)]
        for tab in tabs:
            tab.waits_for("4 hosts", "db1.example.com")
        assert visor.context.hub.measures.streams == 1
        visor.post("/instances/claim", {"host": "10.9.9.9"})
        for tab in tabs:
            tab.waits_for("5 hosts", "10.9.9.9")
        context.close()


def test_a_browser_whose_shared_worker_says_nothing_is_served_all_the_same(
    browser: Any, seeded: Service
) -> None:
    """A worker that ends with its last tab, just as another one opens, says nothing and reports no error."""
    context = browser.new_context()
    context.add_init_script("window.SharedWorker = class { port = { postMessage() {} } }")
    page = context.new_page()
    page.goto(f"{seeded.url}/ui")
    page.wait_for_selector(".light.live")
    context.close()


def filled(launcher: Launcher, path: Path, **flags: Any) -> Serving:
    visor = Serving(launcher, path / "visor.db", **flags)
    visor.start()
    visor.made("/apps", {**APP, "name": "cat"})
    visor.made("/apps/cat/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
    return visor


class Broken(http.server.BaseHTTPRequestHandler):
    """A proxy whose service is away."""

    def do_GET(self) -> None:
        Broken.asked += 1
        self.send_response(502)
        self.end_headers()
        self.wfile.write(b"<h1>Bad gateway</h1>")

    def log_message(self, *args: Any) -> None:
        pass

    asked = 0


def test_a_killed_server_and_a_proxys_502_are_survived(
    launcher: Launcher, tmp_path: Path, open_tab: Any
) -> None:
    """The page says so, and keeps what it has; once the service is back it goes on by itself."""
    visor = filled(launcher, tmp_path)
    try:
        tab = open_tab(visor.url, "/apps/cat")
        tab.waits_for("Edit")
        visor.kill()
        tab.waits_for("reconnecting", within=".light")
        tab.waits_for("The connection is gone", within=".banner")
        tab.waits_for("128af9")
        tab.lacks("Edit", "Make head")
        proxy = http.server.HTTPServer(("127.0.0.1", visor.port), Broken)
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        until(lambda: Broken.asked >= 2, "it has been answered 502 twice")
        proxy.shutdown()
        thread.join()
        proxy.server_close()
        tab.waits_for("reconnecting", within=".light")
        visor.start()
        visor.made("/apps/cat/env", {"COW": "moo"}, method="PATCH")
        tab.waits_for("live", within=".light")
        tab.waits_for("COW", "moo", "Edit")
    finally:
        visor.close()


def test_a_place_that_is_compacted_begins_anew(launcher: Launcher, tmp_path: Path, open_tab: Any) -> None:
    """410 in the middle: what was missed is in the fresh snapshot, and what is gone is gone."""
    visor = filled(launcher, tmp_path)
    try:
        visor.made("/services", {"name": "old"})
        tab = open_tab(visor.url, "/services")
        tab.waits_for("old")
        lights = """() => {
            window.lights = [];
            const light = document.querySelector(".light");
            new MutationObserver(() => window.lights.push(light.innerText))
                .observe(light, { characterData: true, subtree: true, childList: true });
        }"""
        tab.page.evaluate(lights)
        visor.kill()
        tab.waits_for("reconnecting", within=".light")
        # Another port: the page must not see what happens before the history is short.
        away = Serving(launcher, visor.store, history=2)
        away.start()
        away.made("/services/old", None, method="DELETE")
        for number in range(6):
            away.made("/services", {"name": f"new-{number}"})
        away.close()
        visor.start()
        tab.waits_for("live", within=".light")
        tab.waits_for("new-5")
        tab.lacks("old")
        assert tab.page.evaluate("window.lights").index("restarted") > 0, "it says that it began anew"
    finally:
        visor.close()
