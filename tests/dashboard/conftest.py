"""The dashboard in a real Chromium."""

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.seed import seed
from tests.dashboard.tab import Tab
from tests.fault.visor_process import Launcher
from tests.serving import Service, serving

CHROMIUM = os.environ.get("VISOR_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
LEFT_OUT = (
    "the dashboard in a browser is left out: it needs Chromium (`apt-get install chromium`, or "
    "VISOR_TEST_CHROMIUM=/path/to/chromium) and the package playwright (of the extra `test`)"
)
# As root there is no sandbox; and a browser that looks for updates says so on a machine without internet.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other sites, on this machine.
    "--host-resolver-rules=MAP *.test 127.0.0.1",
]
AXE = "axe-core@4.14.1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for the tests of a file. Not for more: while it is there, playwright keeps an event loop
    running in this thread, and what needs a loop of its own in other files could not start one."""
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        pytest.skip(LEFT_OUT)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe, which judges whether a page can be used with a screen reader."""
    npm = shutil.which("npm")
    where = tmp_path_factory.mktemp("axe")
    if npm is not None:
        packed = subprocess.run(
            [npm, "pack", "--json", AXE], cwd=where, capture_output=True, text=True, check=False
        )
        if packed.returncode == 0:
            name = json.loads(packed.stdout)[0]["filename"]
            subprocess.run(["tar", "xzf", name, "package/axe.min.js"], cwd=where, check=True)
            return (where / "package" / "axe.min.js").read_text()
    pytest.skip(f"axe's judgement of the dashboard is left out: it needs npm, and {AXE} from its registry")


@pytest.fixture(scope="module")
def seeded() -> Iterator[Service]:
    """A small platform, shared by the tests of a file: what one changes, no other looks at."""
    with serving() as service:
        seed(service)
        yield service


@pytest.fixture
def open_tab(browser: Any) -> Iterator[Any]:
    """Opens tabs: `open_tab(url, "/apps/shop", scheme="dark", width=390)`. None may have a complaint."""
    with ExitStack() as stack:

        def opened(url: str, path: str = "/", context: Any = None, **how: Any) -> Tab:
            if context is None:
                size = {"width": how.get("width", 1280), "height": how.get("height", 860)}
                context = browser.new_context(
                    viewport=size, color_scheme=how.get("scheme", "light"), timezone_id="UTC"
                )
                stack.callback(context.close)
            tab = Tab(context, url, path, how.get("login"))
            stack.callback(tab.check_complaints)
            return tab

        yield opened


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    with closing(Launcher()) as launcher:
        yield launcher


@pytest.fixture(scope="session")
def shots() -> Path | None:
    """Where screenshots go: the directory that VISOR_SCREENSHOTS names; None where nobody asks for them."""
    named = os.environ.get("VISOR_SCREENSHOTS")
    return Path(named) if named else None
