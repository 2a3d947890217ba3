"""Changes made on the dashboard: seen before they are made, lost races told, and the same as a curl line."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dashboard.seed import Speaker, seed
from tests.etcd.cluster import until
from tests.serving import Service, serving


@pytest.fixture
def visor() -> Iterator[Service]:
    with serving() as service:
        seed(service)
        yield service


def env(visor: Service, app: str = "shop") -> dict[str, str]:
    vars: dict[str, str] = visor.get(f"/apps/{app}/env").json()["vars"]
    return vars


def test_variables_are_changed_in_one_commit_after_a_look_at_the_difference(
    visor: Service, open_tab: Any
) -> None:
    tab = open_tab(visor.url, "/apps/shop")
    before = visor.rev
    tab.press("Edit variables")
    tab.page.get_by_label("POOL", exact=True).fill("16")
    tab.press("Remove LOG_LEVEL")
    tab.press("Add a variable")
    tab.page.get_by_label("Name of the new variable").fill("REGION")
    tab.page.get_by_label("Value of the new variable").fill("eu-1 'north'")
    tab.press("Review 3 changes")
    tab.waits_for("POOL: 8 → 16", "LOG_LEVEL=info", "+ REGION=eu-1 'north'", within="dialog")
    tab.waits_for("The service would take it.", within="dialog")
    assert visor.rev == before
    tab.press("Change")
    tab.waits_for("REGION")
    assert visor.rev == before + 1
    assert env(visor)["POOL"] == "16"
    assert "LOG_LEVEL" not in env(visor)


def test_the_curl_line_does_the_same(visor: Service, open_tab: Any) -> None:
    tab = open_tab(visor.url, "/apps/shop")
    tab.press("Edit variables")
    tab.page.get_by_label("POOL", exact=True).fill("it's $HOME `x`")
    tab.press("Review 1 change")
    tab.waits_for("If-Match", within="dialog pre")
    line = tab.text("dialog pre")
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert env(visor)["POOL"] == "it's $HOME `x`"


def test_an_edit_that_loses_its_race_overwrites_nothing(visor: Service, open_tab: Any) -> None:
    """The page says what has changed meanwhile, and keeps what was edited on top of that."""
    tab = open_tab(visor.url, "/apps/shop")
    tab.press("Edit variables")
    tab.page.get_by_label("POOL", exact=True).fill("16")
    Speaker(visor, "carla").say("PATCH", "/apps/shop/env", {"POOL": "4", "LOG_LEVEL": "warning"})
    tab.waits_for("Somebody has changed them meanwhile", "LOG_LEVEL: info → warning", "POOL: 8 → 4")
    tab.press("Review 1 change")
    until(lambda: "bad" in tab.page.get_attribute("dialog .verdict", "class"), "it would be refused")
    assert tab.page.get_by_role("button", name="Change", exact=True).is_disabled()
    tab.press("Look at what has changed")
    assert env(visor)["POOL"] == "4"
    tab.press("Keep my edits on top of that")
    tab.press("Review 1 change")
    tab.waits_for("POOL: 4 → 16", within="dialog")
    tab.press("Change")
    tab.waits_for("warning")
    until(lambda: env(visor)["POOL"] == "16", "it is changed")
    assert env(visor)["LOG_LEVEL"] == "warning"


def test_a_scale_a_head_and_the_life_of_an_instance(visor: Service, open_tab: Any) -> None:
    tab = open_tab(visor.url, "/apps/shop")
    tab.press("Scale worker at b71d004")
    tab.page.get_by_label("Instances", exact=True).fill("5")
    tab.waits_for("The service would take it.", within="dialog")
    tab.press("Scale")
    tab.waits_for("3 / 5")
    tab.press("Make head 3f9c2e1")
    tab.press("Make it head")
    until(lambda: visor.get("/apps/shop").json()["head"] == "3f9c2e1", "it is the head")
    tab.press("Ratify e0a11ce")
    tab.page.get_by_label("Where its archive is (URL)").fill("https://archive.example.com/shop/e0a11ce.img")
    tab.press("Ratify")
    until(lambda: visor.get("/apps/shop/revisions/e0a11ce").json()["state"] == "accepted", "it is accepted")
    tab.go("/instances/1")
    tab.press("Lock")
    tab.page.get_by_label("Why", exact=True).fill("to look at it")
    tab.page.locator("dialog").get_by_role("button", name="Lock", exact=True).click()
    tab.waits_for("dashboard: to look at it")
    tab.press("Unlock")
    tab.page.locator("dialog").get_by_role("button", name="Unlock", exact=True).click()
    tab.lacks("to look at it")
    tab.press("Stop")
    tab.page.locator("dialog").get_by_role("button", name="Stop", exact=True).click()
    tab.waits_for("stopping")
    assert visor.get("/instances/1").json()["status"] == "stopping"


def test_a_refusal_is_told_before_it_is_asked_for(visor: Service, open_tab: Any) -> None:
    tab = open_tab(visor.url, "/apps/shop")
    tab.press("Scale web at b71d004")
    tab.page.get_by_label("Instances", exact=True).fill("10001")
    until(lambda: "bad" in tab.page.get_attribute("dialog .verdict", "class"), "it would be refused")
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_selector("dialog", state="detached")


def test_an_app_is_taken_back_after_a_look_at_what_that_would_change(visor: Service, open_tab: Any) -> None:
    """Found in its history by mouse alone."""
    Speaker(visor, "carla").say("PATCH", "/apps/shop/env", {"POOL": "9000"})
    before = visor.rev - 1
    tab = open_tab(visor.url, "/apps/shop")
    tab.waits_for("POOL 8 → 9000")
    visor.put("/apps/mail/env/n", {"value": "1"})
    good = next(
        event["rev"]
        for event in reversed(visor.get("/events/list?app=shop&rev=0&limit=1000").json()["items"])
        if event["rev"] <= before
    )
    tab.press(f"back to here, rev {good}")
    tab.waits_for("/apps/shop", "env.POOL: 9000 → 8", within="dialog")
    assert env(visor)["POOL"] == "9000"
    tab.press("Take it back")
    tab.waits_for("POOL 9000 → 8")
    assert env(visor)["POOL"] == "8"


def test_a_commit_is_undone_and_what_stands_against_it_is_told(visor: Service, open_tab: Any) -> None:
    """Where it was changed again since, the page says what stands against it, and nothing happens. What was
    looked at is what is done, or nothing."""
    carla = Speaker(visor, "carla")
    carla.say("PATCH", "/apps/shop/env", {"POOL": "9000", "LOG_LEVEL": "trace"})
    worse = visor.rev
    carla.say("PUT", "/apps/shop/env/REGION", {"value": "eu-1"})
    tab = open_tab(visor.url, "/log?path=/apps/shop")
    tab.waits_for("LOG_LEVEL info → trace")
    tab.press(f"undo rev {worse}")
    tab.waits_for("env.POOL: 9000 → 8", "env.LOG_LEVEL: trace → info", within="dialog")
    # Somebody is quicker: the plan that was looked at is not done.
    carla.say("PUT", "/apps/shop/env/POOL", {"value": "77"})
    tab.press("Undo")
    until(lambda: "bad" in tab.page.get_attribute("dialog .verdict", "class"), "it is refused")
    assert env(visor) | {"POOL": "77", "LOG_LEVEL": "trace"} == env(visor)
    tab.press("Cancel")
    tab.press(f"undo rev {worse}")
    tab.waits_for("/apps/shop", within="dialog .verdict")
    assert tab.page.get_by_role("button", name="Undo", exact=True).is_disabled()
    tab.press("Cancel")
    tab.press(f"undo rev {visor.rev}")
    tab.waits_for("env.POOL: 77 → 9000", within="dialog")
    tab.press("Undo")
    until(lambda: env(visor)["POOL"] == "9000", "it is undone")
    assert "POST /commits/" in visor.get("/commits?limit=1").json()["items"][0]["request"]


def test_without_a_keyring_the_page_says_that_secrets_need_one(open_tab: Any) -> None:
    with serving(keyring_file=None) as visor:
        visor.runnable()
        tab = open_tab(visor.url, "/apps/cat")
        tab.press("Set a secret")
        tab.page.get_by_label("Name", exact=True).fill("KEY")
        tab.page.get_by_label("Value", exact=True).fill("value")
        tab.waits_for("visor keys new", within="dialog .verdict")
        tab.page.keyboard.press("Escape")


def test_a_variable_is_found_and_changed_by_keyboard_alone(visor: Service, open_tab: Any) -> None:
    """From the search to the commit: no pointer, and the focus is always where one goes on."""
    tab = open_tab(visor.url, "/")
    keys = tab.page.keyboard

    def tab_to(name: str) -> None:
        for _ in range(80):
            if name in tab.page.evaluate(FOCUSED):
                return
            keys.press("Tab")
        raise AssertionError(f"{name} is not reached: {tab.page.evaluate(FOCUSED)}")

    keys.press("/")
    keys.type("shop")
    keys.press("Enter")
    tab.waits_for("Variables", "POOL")
    tab_to("Edit variables")
    keys.press("Enter")
    until(lambda: "DATABASE_URL" in tab.page.evaluate(FOCUSED), "the first variable has the keyboard")
    tab_to("POOL")
    keys.press("Control+A")
    keys.type("24")
    tab_to("Review 1 change")
    keys.press("Enter")
    tab.waits_for("POOL: 8 → 24", "The service would take it.", within="dialog")
    assert tab.page.evaluate("document.activeElement.closest('dialog') !== null"), (
        "the dialog has the keyboard"
    )
    tab_to("Change")
    keys.press("Enter")
    until(lambda: env(visor)["POOL"] == "24", "it is changed")
    tab.page.wait_for_selector("dialog", state="detached")
    until(lambda: "Edit variables" in tab.page.evaluate(FOCUSED), "it is back at the button")
    keys.press(",")
    tab.waits_for("This is the past", within=".banner")
    keys.press("l")
    tab.is_at(None)


FOCUSED = """() => {
    const one = document.activeElement;
    if (one === document.body) return "";
    return one.labels?.[0]?.innerText || one.getAttribute("aria-label") || one.textContent || "";
}"""
