"""`/docs` in a real Chromium: open on this machine, and, where a token is needed, behind
a proxy that ends TLS and takes a path prefix away.
"""

import ssl
from pathlib import Path
from typing import Any

from tests.access.holders import closed_service, give, grant
from tests.http.test_root_path import PREFIX, StrippingProxy
from tests.serving import APP, serving
from tests.tls.conftest import Site


class DocsPage:
    """The page in a tab, and what it asked for and complained of."""

    def __init__(self, context: Any) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda request: self.asked.append(request.url))

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, url: str) -> None:
        self.page.goto(f"{url}/docs")
        self.page.wait_for_selector("#operations-apps-get_app")

    def tried(self, operation: str, path: str, **names: str) -> Any:
        """The answer to an operation that is tried out."""
        block = f"#operations-{operation}"
        self.page.click(f"{block} .opblock-summary-control")
        self.page.click(f"{block} .try-out__btn")
        for name, value in names.items():
            self.page.fill(f'{block} tr[data-param-name="{name}"] input', value)
        with self.page.expect_response(lambda answer: answer.url.partition("?")[0] == path) as one:
            self.page.click(f"{block} .execute")
        return one.value

    def kept_to(self, url: str) -> None:
        """Nothing was asked of another origin, and nothing went wrong."""
        assert self.complaints == []
        assert [each for each in self.asked if not each.startswith((f"{url}/", "data:", "blob:"))] == []


def test_the_page_of_the_api_shows_every_operation_and_asks_the_service(browser: Any) -> None:
    with serving() as visor:
        visor.made("/apps", APP)
        context = browser.new_context()
        docs = DocsPage(context)
        docs.open(visor.url)
        answer = docs.tried("apps-list_apps", f"{visor.url}/apps")
        assert answer.status == 200
        assert answer.json()["items"][0]["name"] == "cat"
        docs.kept_to(visor.url)
        context.close()


def test_what_is_tried_out_is_done_by_the_session_or_by_the_token_that_is_given(
    browser: Any, tmp_path: Path
) -> None:
    """Below a path prefix, and behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Site(tmp_path).server)
    with closed_service(root_path=PREFIX) as visor:
        proxy = StrippingProxy(visor.port, context)
        url = proxy.url + PREFIX
        visor.made("/apps", APP)
        session, token = (give(visor, grant("operator"), name=name).token for name in ("anna", "bot"))
        tabs = browser.new_context(ignore_https_errors=True)
        docs = DocsPage(tabs)
        begun = tabs.request.post(f"{url}/session", headers={"Authorization": f"Bearer {session}"})
        assert begun.ok, begun.text()
        docs.open(url)
        removed = docs.tried("apps-unregister_app", f"{url}/apps/cat", app="cat")
        assert removed.status == 200, removed.text()
        docs.page.click(".btn.authorize")
        docs.page.fill(".auth-container input", token)
        docs.page.click(".auth-btn-wrapper .authorize")
        docs.page.click(".auth-btn-wrapper .btn-done")
        assert docs.tried("tokens-get_self", f"{url}/tokens/self").json()["name"] == "bot"
        assert visor.get(f"/commits/{removed.json()['rev']}").json()["actor"] == "anna"
        docs.kept_to(url)
        tabs.close()
        proxy.close()
