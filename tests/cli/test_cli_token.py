"""`visor token`, on the store itself and against a running service."""

import json
import shlex
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.typed import typed
from tests.serving import serving


@pytest.fixture(autouse=True)
def _nobodys_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def visor(*arguments: str, token: str = "", status: int = 0) -> str:
    """What the command prints, or what it says where it refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISOR_TOKEN", token)
        done = typed(shlex.join(["token", *arguments]))
    assert done.status == status, done.err
    if status == 1:
        assert done.err.startswith("visor: ")
    return done.err if status else done.out


def made(*arguments: str, token: str = "") -> Any:
    return json.loads(visor("create", *arguments, "-o", "json", token=token))


def test_the_first_token_is_made_on_the_store_and_makes_the_others_over_http(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/visor.db"
    root = visor("create", "--store", store, "--role", "admin", "--name", "root").strip()
    with serving(store=store) as service:
        assert service.get("/apps").status_code == 401
        here = ("--url", service.url)
        grants = '[{"role":"deployer","apps":["rocket","cat-*"]},{"role":"host","hosts":["10.0.0.7"]}]'
        bot = made(*here, "--name", "bot", "--grants", grants, "--expires", "90d", token=root)
        shown = json.loads(visor("show", bot["id"], *here, "-o", "json", token=root))
        assert shown["grants"] == json.loads(grants)
        assert (shown["name"], shown["created_by"]) == ("bot", "root")
        assert shown["expires_at"] is not None
        new = json.loads(visor("rotate", bot["id"], "--overlap", "1h", *here, "-o", "json", token=root))
        for token in (bot["token"], new["token"]):
            asked = httpx2.get(
                service.url + "/tokens/self", headers={"Authorization": f"Bearer {token}"}, timeout=60
            )
            assert asked.json()["name"] == "bot"
        assert "bot" in visor("list", *here, token=root)
        assert "bot" not in visor("list", *here, token=bot["token"], status=1)
        assert "revoked" in visor("revoke", bot["id"], *here, token=root)
        assert "valid" in visor("list", *here, token=bot["token"], status=1)
        assert "visor.db" in visor("list", "--store", store, status=1), "the service has the store"


def test_what_makes_no_token_is_one_line(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/visor.db")
    refusals: list[tuple[tuple[str, ...], int, str]] = [
        (("create", "--name", "x", "--role", "viewer"), 2, "--apps"),
        (("create", "--name", "x"), 2, "--role"),
        (("create", "--name", "visor", "--role", "admin"), 1, "reserved"),
        (("create", "--name", "x", "--role", "admin", "--expires", "soon"), 2, "90d"),
        (("create", "--name", "x", "--role", "admin", "--dry-run"), 2, "--dry-run is for a service"),
        (("create", "--name", "x", "--grants", "[}"), 2, "JSON"),
        (("create", "--name", "x", "--grants", '[{"role":"king"}]'), 1, "grants"),
        (("revoke", "../apps/cat"), 2, "id"),
        (("revoke", "a" * 12), 1, "There is no token"),
    ]
    for arguments, status, what in refusals:
        assert what in visor(*arguments, *store, status=status)
