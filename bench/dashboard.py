"""The dashboard in Chromium with many instances: `python -m bench.dashboard --apps 600 --instances 12000`.

First paint of the whole state, moves of the time slider, and input while events come in. Needs Chromium and
the extra `test`.
"""

import argparse
import asyncio
import json
import random
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
from playwright.sync_api import sync_playwright

from tests.dashboard.chromium import CHROMIUM, FLAGS
from tests.etcd.cluster import until
from tests.serving import APP, ARCHIVE, Service, serving

HOSTS = 200
PAINTED = """
window.painted = {};
new MutationObserver(() => {
  const rows = [...document.querySelectorAll("main tbody tr")];
  const screen = rows.length && rows.at(-1).getBoundingClientRect().top > innerHeight;
  for (const [what, there] of [["screen", screen], ["all", rows.length >= %d]]) {
    if (!there || what in window.painted) continue;
    window.painted[what] = 0;
    requestAnimationFrame(() => setTimeout(() => { window.painted[what] = performance.now(); }));
  }
}).observe(document, { childList: true, subtree: true });
"""
MOVE = """async (rev) => {
  const { show, state } = await import(new URL("ui/state.js", location.href).href);
  const began = performance.now();
  show(rev);
  while (state.past.registry?.rev !== rev) await new Promise((resolve) => setTimeout(resolve));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return performance.now() - began;
}"""
LOADED = """async () => {
  const { state } = await import(new URL("ui/state.js", location.href).href);
  return !state.history.filling;
}"""
WATCH = """() => {
  window.long = [];
  new PerformanceObserver((list) => list.getEntries().forEach((one) => window.long.push(one.duration)))
    .observe({ type: "longtask" });
}"""


async def fill(visor: Service, apps: int, instances: int) -> None:
    """Apps whose instances all run, made by many hosts at a time."""
    async with httpx2.AsyncClient(base_url=visor.url, timeout=120, verify=False) as client:

        async def app(number: int) -> None:
            name = f"app-{number:03d}"
            await client.post("/apps", json={**APP, "name": name, "env": {"POOL": "8"}})
            await client.post(f"/apps/{name}/revisions", json={"ref": "r1", "archive_url": ARCHIVE})
            await client.post(f"/apps/{name}/proctypes", json={"name": "web"})
            scale = {"revision": "r1", "count": instances // apps}
            await client.put(f"/apps/{name}/proctypes/web/scale", json=scale)

        async def host(number: int) -> None:
            me = f"10.0.{number // 250}.{number % 250 + 1}"
            while True:
                claimed = await client.post("/instances/claim", json={"host": me})
                if claimed.status_code == 204:
                    return
                body = {"host": me, "hostname": f"box{number}.example.com", "port": 20000}
                await client.post(f"/instances/{claimed.json()['id']}/start", json=body)

        for start in range(0, apps, 20):
            await asyncio.gather(*(app(number) for number in range(start, min(start + 20, apps))))
        for start in range(0, HOSTS, 20):
            # Each batch of hosts takes its share.
            await asyncio.gather(*(host(number) for number in range(start, start + 20)))


def steadily(rate: int, seconds: float, act: Callable[[int], Any]) -> threading.Thread:
    def run() -> None:
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            act(number)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def measure(visor: Service, apps: int, runs: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        paints: dict[str, list[int]] = {"screen": [], "all": []}
        for _ in range(runs):
            context = browser.new_context(viewport={"width": 1280, "height": 860})
            page = context.new_page()
            page.add_init_script(PAINTED % apps)
            page.goto(f"{visor.url}/ui")
            until(lambda page=page: page.evaluate("window.painted.all"), "it is painted")
            for what, times in paints.items():
                times.append(round(page.evaluate(f"window.painted.{what}")))
        found["first paint of a whole screen, ms"] = paints["screen"]
        found["all apps are there, ms"] = paints["all"]
        page.wait_for_timeout(1500)
        last = visor.rev
        chosen = random.Random(7)
        # The first one copies the present, and has the commits loaded, as taking hold of the handle does.
        found["the first move, ms"] = round(page.evaluate(MOVE, last - 2))
        began = time.monotonic()
        until(lambda: page.evaluate(LOADED), "the commits are loaded", 120)
        found["until the commits are there, s"] = round(time.monotonic() - began, 1)
        for name, span in (("100 commits", 100), ("2,000 commits", 2000), ("the whole history", last - 2)):
            moves = sorted(page.evaluate(MOVE, chosen.randint(last - span, last - 1)) for _ in range(15))
            found[f"moves within {name}, ms"] = {
                "half": round(statistics.median(moves)),
                "most": round(moves[-2]),
            }
        page.keyboard.press("l")
        page.wait_for_timeout(500)
        page.evaluate(WATCH)
        client = httpx2.Client(base_url=visor.url, verify=False)
        before = visor.rev
        thread = steadily(
            200,
            8,
            lambda n: client.put(f"/apps/app-{n % apps:03d}/env/POOL", json={"value": str(n)}),
        )
        page.locator("#search").focus()
        typed = ""
        while thread.is_alive():
            typed += "abcdefghij"[len(typed) % 10]
            page.keyboard.type(typed[-1])
            page.wait_for_timeout(60)
        page.wait_for_timeout(300)
        found["events a second while typing"] = round((visor.rev - before) / 8)
        found["keys typed, and shown"] = [len(typed), len(page.input_value("#search"))]
        long = page.evaluate("window.long")
        found["tasks over 50 ms, and the longest"] = [len(long), round(max(long, default=0))]
        found["rev of the page is the service's"] = f"rev {visor.rev:,}" in page.inner_text(".rev")
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apps", type=int, default=600)
    parser.add_argument("--instances", type=int, default=12_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with serving() as visor:
        asyncio.run(fill(visor, given.apps, given.instances))
        print(json.dumps(measure(visor, given.apps, given.runs), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
