"""`/docs` in a real Chromium, under its own policy, below no prefix and below one."""

from typing import Any

import pytest

from tests.http.test_root_path import PREFIX, StrippingProxy
from tests.serving import APP, serving


@pytest.mark.parametrize("prefix", ["", PREFIX])
def test_the_page_of_the_api_shows_every_operation_and_asks_the_service(browser: Any, prefix: str) -> None:
    complaints: list[str] = []
    with serving(root_path=prefix) as visor:
        visor.made("/apps", APP)
        proxy = StrippingProxy(visor.port) if prefix else None
        origin = proxy.url if proxy else visor.url
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else 0)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{origin}{prefix}/docs")
        page.wait_for_selector("#operations-apps-get_app")
        page.click("#operations-apps-list_apps .opblock-summary-control")
        page.click("#operations-apps-list_apps .try-out__btn")
        with page.expect_response(
            lambda answer: answer.url.partition("?")[0] == f"{origin}{prefix}/apps"
        ) as one:
            page.click("#operations-apps-list_apps .execute")
        assert one.value.status == 200
        assert one.value.json()["items"][0]["name"] == "cat"
        context.close()
        if proxy:
            proxy.close()
    assert not complaints
    assert [url for url in asked if not url.startswith((f"{origin}{prefix}/", "data:", "blob:"))] == []
