"""Each change that the dashboard offers is made for real: by its button, and by its curl line in a shell."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.access.holders import give, grant
from tests.dashboard.seed import closed_platform
from tests.dashboard.tab import Tab
from tests.dashboard.test_dashboard_writes import CHANGES, FAILED, LOCKED, RUNS, Change
from tests.etcd.cluster import until
from tests.serving import Service

ORDER = ("patch_env", "revert_subtree", "undo_commit")
"""What comes first, so that there is something to take back; the others follow as in the table."""


@pytest.fixture
def platform() -> Iterator[Service]:
    """Behind tokens, and for one test alone: it changes everything."""
    with closed_platform() as service:
        yield service


def in_order() -> list[Change]:
    last = len(ORDER)
    return sorted(CHANGES, key=lambda one: ORDER.index(one.operation) if one.operation in ORDER else last)


def places(visor: Service) -> Iterator[tuple[Change, str]]:
    """Each change with the page where it is made: each that ends an instance has one of its own."""
    failed = visor.get("/instances?status=failed").json()["items"][0]["id"]
    running = [one["id"] for one in visor.get("/apps/shop/instances?status=running").json()["items"]]
    spare = iter(id for id in running if id != 2)
    for change in in_order():
        path = {RUNS: "/instances/{}", LOCKED: LOCKED, FAILED: f"/instances/{failed}"}.get(
            change.path, change.path
        )
        yield change, path.format(next(spare)) if change.path == RUNS else path


def ask(visor: Service, tab: Tab, change: Change, path: str) -> None:
    """Open the dialog, as far as the service would do it."""
    tab.go(path)
    button = change.button
    if change.operation == "undo_commit":
        # The newest one: nothing stands against it.
        button = f"undo rev {visor.get('/commits?path=/apps/shop&limit=1').json()['items'][0]['rev']}"
    elif change.operation == "revert_subtree":
        # How it was before the newest.
        button = (
            f"back to here, rev {visor.get('/commits?path=/apps/shop&limit=2').json()['items'][1]['rev']}"
        )
    tab.page.get_by_role("button", name=re.compile(rf"^\s*{button}\s*$")).first.click()
    change.fill(tab)
    tab.waits_for("The service would take it.", within="dialog")


def press(tab: Tab, change: Change) -> None:
    tab.page.locator("dialog").get_by_role("button", name=change.verb, exact=True).click()
    tab.page.wait_for_selector("dialog", state="detached")


def paste(tab: Tab, change: Change, token: str, directory: Path) -> None:
    """Run the curl line as it stands there; in the directory is what it takes a secret from."""
    line = tab.text("dialog pre")
    assert token not in line
    (directory / "secret.json").write_text('{"value": "battery staple"}')
    told = subprocess.run(
        ["bash", "-c", f"{line} -sS --fail-with-body"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "VISOR_TOKEN": token},
        cwd=directory,
    )
    assert told.returncode == 0, (change, line, told.stdout, told.stderr)
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_selector("dialog", state="detached")
    if change.operation == "patch_env":
        # What was edited is still there, and is thrown away.
        tab.press("Cancel")


@pytest.mark.parametrize("how", ["pressed", "pasted"])
def test_each_change_is_made_by_its_button_and_by_its_curl_line(
    platform: Service, open_tab: Any, tmp_path: Path, how: str
) -> None:
    """All that the table of changes has, one after another, by an operator: each is one commit, by the
    request that the row names."""
    holder = give(platform, grant("operator"), name="otto")
    routes = {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, methods in platform.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
        if "operationId" in operation
    }
    tab = open_tab(platform.url, "/store", login=holder.token)
    tab.waits_for("otto", within=".self")
    for change, path in places(platform):
        before = platform.rev
        ask(platform, tab, change, path)
        assert platform.rev == before, change
        if how == "pressed":
            press(tab, change)
        else:
            paste(tab, change, holder.token, tmp_path)
        until(lambda before=before: platform.rev == before + 1, f"{change} is made")
        commit = platform.get("/commits?limit=1").json()["items"][0]
        assert (commit["rev"], commit["actor"]) == (before + 1, "otto"), change
        route = re.sub(r"\{\w+\}", "[^/ ]+", routes[change.operation])
        assert re.match(rf"{route}(\?|$)", commit["request"]), (change, commit["request"])
        tab.waits_for(f"rev {platform.rev:,}", within=".rev")
