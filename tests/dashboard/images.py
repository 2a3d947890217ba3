"""The pictures of the documentation, made of the demo: `python -m tests.dashboard.images [docs/images]`.

Needs Chromium and the extra `test`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import sync_playwright

from tests.dashboard.chromium import CHROMIUM, FLAGS
from tests.etcd.cluster import free_port, until

LIGHT, PHONE = ("light", 1280, 860), ("dark", 390, 844)
"""Scheme, width and height."""


DRAWN = """!document.querySelector("main").innerText.includes("Looking")
    && document.querySelectorAll(".track rect").length > 20"""


def pictures(url: str) -> dict[str, tuple[tuple[str, int, int], str]]:
    """Name -> how it is looked at, and the path of the page."""
    trouble = httpx2.get(f"{url}/commits", params={"actor": "ben", "limit": 1000}).json()["items"]
    worse = next(one for one in trouble if one["reason"] == "make the checkout faster")
    app = worse["changes"][0]["path"]
    return {
        "overview": (LIGHT, "/"),
        "app": (LIGHT, app),
        "log": (LIGHT, "/log?by=ben"),
        "compare": (LIGHT, f"/diff?from={worse['rev'] - 1}"),
        "past": (LIGHT, f"{app}?rev={worse['rev']}"),
        "overview-phone": (PHONE, "/"),
    }


def shoot(browser: Any, url: str, where: Path) -> None:
    """Write one file a picture."""
    for name, ((scheme, width, height), path) in pictures(url).items():
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=scheme, timezone_id="UTC")
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{url}/ui#{path}")
        page.wait_for_selector(".slider")
        until(lambda page=page: page.evaluate(DRAWN), f"{name} is drawn", 60)
        page.wait_for_timeout(1500)
        page.screenshot(path=where / f"{name}.png")
        context.close()


def main() -> None:
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    where.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with subprocess.Popen(
        [Path(sys.executable).with_name("visor"), "demo", "--port", str(port)], stdout=subprocess.DEVNULL
    ) as demo:
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _ready(url), "the demo has had its day", 120)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                shoot(browser, url, where)
                browser.close()
        finally:
            demo.terminate()


def _ready(url: str) -> bool:
    try:
        return json.loads(httpx2.get(f"{url}/rev").content)["rev"] > 400
    except (httpx2.HTTPError, ValueError, KeyError):
        return False


if __name__ == "__main__":
    main()
