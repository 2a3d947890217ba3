"""The dashboard by role: each logs in with a token, sees what it may see, and is offered what it may do."""

import os
import subprocess
from typing import Any

from tests.access.holders import give, grant
from tests.dashboard.looks import complaints
from tests.etcd.cluster import until
from tests.serving import Service


def test_a_deployer_changes_their_app_and_is_named_for_it(closed: Service, log_in: Any) -> None:
    tab = log_in("/apps/login", grant("deployer", apps=["login"]), name="dora")
    tab.press("Edit variables")
    tab.page.get_by_label("POOL", exact=True).fill("12")
    tab.press("Review 1 change")
    tab.page.get_by_label("Reason, for the log (may be empty)").fill("größer, 100 %")
    tab.waits_for("The service would take it.", within="dialog")
    tab.press("Change")
    tab.waits_for("POOL 8 → 12", "dora")
    commit = closed.get("/commits?path=/apps/login&limit=1").json()["items"][0]
    assert (commit["actor"], commit["reason"]) == ("dora", "größer, 100 %")
    tab.waits_for("größer, 100 %")


def test_the_curl_line_takes_the_token_from_the_terminal_it_is_pasted_into(
    closed: Service, open_tab: Any
) -> None:
    """And does the same as the button; the token is not in it."""
    holder = give(closed, grant("deployer", apps=["login"]), name="dora-at-a-terminal")
    tab = open_tab(closed.url, "/apps/login", login=holder.token)
    tab.press("Make head b71d004")
    tab.waits_for("The service would take it.", "$VISOR_TOKEN", within="dialog")
    line = tab.text("dialog pre")
    assert holder.token not in line
    env = {**os.environ, "VISOR_TOKEN": holder.token}
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    assert closed.get("/apps/login").json()["head"] == "b71d004", done.stdout
    assert closed.get("/commits?path=/apps/login&limit=1").json()["items"][0]["actor"] == "dora-at-a-terminal"
    tab.page.keyboard.press("Escape")


def test_a_secret_is_set_and_removed_and_its_value_is_nowhere_on_the_page(
    closed: Service, log_in: Any
) -> None:
    tab = log_in("/apps/mail", grant("deployer", apps=["mail"]))
    tab.press("Set a secret")
    tab.page.get_by_label("Name", exact=True).fill("SMTP")
    tab.page.get_by_label("Value", exact=True).fill("battery staple")
    tab.waits_for("The service would take it.", "/apps/mail/secrets/SMTP", "@secret.json", within="dialog")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.post_data or ""))
    tab.press("Set")
    tab.waits_for("SMTP")
    assert sum("battery staple" in body for body in asked) == 1
    kept = closed.get("/apps/mail/secrets").json()["secrets"]["SMTP"]
    tab.waits_for(kept["fingerprint"])
    assert "battery" not in tab.page.content()
    tab.press("Remove SMTP")
    tab.waits_for("The service would take it.", within="dialog")
    tab.page.locator("dialog").get_by_role("button", name="Remove", exact=True).click()
    tab.lacks("SMTP", within="main section table")
    assert closed.get("/apps/mail/secrets").json()["secrets"] == {}


def test_a_login_that_fails_says_so_and_the_session_ends_when_somebody_logs_out(
    closed: Service, open_tab: Any, axe: str
) -> None:
    holder = give(closed, grant("operator"), name="otto")
    tab = open_tab(closed.url, "/hosts", login="vsr_nobody_knows_this")
    tab.waits_for("does not know this token", within="main")
    tab.page.evaluate(axe)
    assert not complaints(tab)
    tab.paste(holder.token)
    tab.waits_for("4 hosts")
    # A second tab, by the same session; what one ends is ended for both.
    other = open_tab(closed.url, "/hosts", context=tab.context)
    other.waits_for("4 hosts")
    tab.press("Log out")
    for one in (tab, other):
        one.waits_for("An administrator makes one", within="main")
        assert "10.0.0.7" not in one.page.content()
    viewer = give(closed, grant("viewer", apps=["mail"]), name="vera")
    tab.paste(viewer.token)
    tab.go("/")
    tab.waits_for("mail")
    assert "shop" not in tab.text()
    other.waits_for("vera", within=".self")


def test_a_token_that_is_being_typed_stays_while_the_service_is_away(closed: Service, browser: Any) -> None:
    """A restart, or a proxy's 502, while somebody is at the login page: it is the login page still."""
    holder = give(closed, grant("operator"), name="olga")
    context = browser.new_context()
    # The driver does not see what a shared worker asks for.
    context.add_init_script("delete window.SharedWorker")
    page = context.new_page()
    page.goto(f"{closed.url}/ui#/hosts")
    page.locator(".login input").fill(holder.token)
    asked: list[str] = []

    def away(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=502, body="<h1>Bad gateway</h1>")

    page.route("**/events*", away)
    # The driver hears of a request while it is asked something.
    until(lambda: page.evaluate("0") == 0 and len(asked) >= 2, "it has been answered 502 twice", 60)
    page.unroute("**/events*")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(".light.live")
    context.close()


def test_a_token_that_is_revoked_ends_the_page(closed: Service, open_tab: Any) -> None:
    holder = give(closed, grant("operator"), name="rita")
    tab = open_tab(closed.url, "/hosts", login=holder.token)
    tab.waits_for("4 hosts")
    closed.delete(f"/tokens/{holder.id}")
    tab.waits_for("An administrator makes one", within="main")


def test_a_token_that_reads_nothing_here_is_told_so(log_in: Any) -> None:
    tab = log_in("/", grant("secret-reader", apps=["shop"]), name="sara")
    tab.waits_for("sara may not read what runs here", within="main")


def test_a_registrar_sees_the_services_of_the_token_as_they_change(closed: Service, log_in: Any) -> None:
    """No stream is for a registrar: the page asks again by itself. It ends with the session."""
    tab = log_in("/", grant("registrar", services=["cache"]), name="rolf")
    tab.waits_for("Services", "cache", "10.0.0.21", "The token rolf shows services")
    assert "queue" not in tab.text()
    closed.post("/services/cache/endpoints", {"addr": "10.0.0.22", "port": 11211})
    tab.waits_for("10.0.0.22")
    closed.delete("/services/cache/endpoints/10-0-0-22-11211")
    tab.press("Log out")
    tab.waits_for("An administrator makes one", within="main")
    assert "cache" not in tab.text()
