"""The dashboard in a real Chromium."""

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.access.holders import give
from tests.dashboard.chromium import AXE, CHROMIUM, FLAGS, axe_source
from tests.dashboard.seed import closed_platform, seed
from tests.dashboard.tab import Tab
from tests.fault.visor_process import Launcher
from tests.serving import Service, serving

LEFT_OUT = (
    "the dashboard in a browser is left out: it needs Chromium (`apt-get install chromium`, or "
    "VISOR_TEST_CHROMIUM=/path/to/chromium) and the package playwright (of the extra `test`)"
)


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
    source = axe_source(tmp_path_factory.mktemp("axe"))
    if source is not None:
        return source
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


@pytest.fixture(scope="module")
def closed() -> Iterator[Service]:
    """The small platform, behind tokens."""
    with closed_platform() as service:
        yield service


@pytest.fixture
def log_in(closed: Service, open_tab: Any) -> Any:
    """Opens a tab and pastes a token that has the grants."""

    def logged(path: str, *grants: dict[str, Any], name: str = "somebody", **how: Any) -> Tab:
        holder = give(closed, *grants, name=name)
        tab: Tab = open_tab(closed.url, path, login=holder.token, **how)
        return tab

    return logged
