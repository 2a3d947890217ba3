"""A tab that shows the dashboard, and what tests do with it again and again."""

from typing import Any

from tests.etcd.cluster import until


class Tab:
    """One page of a browser, at a path of the dashboard."""

    def __init__(self, context: Any, url: str, path: str = "/", login: str | None = None) -> None:
        self.context = context
        self.url = url
        self.complaints: list[str] = []
        """What the page, or the browser on its behalf, has complained of: the policy of its content, too."""
        self.page = context.new_page()
        self.page.set_default_timeout(30_000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)
        self.page.goto(f"{url}/ui#{path}")
        if login is not None:
            self.paste(login)
        else:
            self.page.wait_for_selector(".slider")

    def paste(self, token: str) -> None:
        """Log in."""
        self.page.locator(".login input").fill(token)
        self.page.get_by_role("button", name="Log in").click()

    def _heard(self, message: Any) -> None:
        # That a service is away is what some tests are about.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def check_complaints(self) -> None:
        assert not self.complaints

    @property
    def place(self) -> str:
        """Where it is: asked of the page, since the driver learns it only when it is asked something."""
        place: str = self.page.evaluate("location.hash")
        return place

    def go(self, path: str) -> None:
        """To another page, as a link does."""
        self.page.evaluate("path => { location.hash = path; }", path)

    def text(self, selector: str = "main") -> str:
        found = self.page.query_selector(selector)
        return "" if found is None else found.inner_text()

    def waits_for(self, *words: str, within: str = "main") -> None:
        """Until all the words are there."""
        until(lambda: all(word in self.text(within) for word in words), f"{words} in {within}", 30)

    def lacks(self, *words: str, within: str = "main") -> None:
        """Until none of the words is there."""
        until(lambda: not any(word in self.text(within) for word in words), f"no {words} in {within}", 30)

    def press(self, name: str, role: str = "button", exact: bool = True) -> None:
        self.page.get_by_role(role, name=name, exact=exact).first.click()

    def is_at(self, rev: int | None) -> None:
        """Until the page shows this moment; None for the present."""
        shown = f"rev={rev}"
        until(lambda: (shown in self.place) if rev is not None else "rev=" not in self.place, shown, 30)
        if rev is not None:
            self.waits_for(f"rev {rev:,}, ", within=".banner")
        until(lambda: "past…" not in self.text(".frame"), "it has come", 30)
