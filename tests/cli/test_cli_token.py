"""`visor token`, on the store itself and against a running service."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.cli.running import ENVIRONMENT, ROOT
from tests.serving import serving


def visor(*arguments: str, token: str = "", status: int = 0) -> str:
    """What the command prints, or its one line of refusal."""
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT), "VISOR_TOKEN": token}
    command = [sys.executable, "-m", "app.cli", "token", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == status, done.stderr
    if status:
        assert done.stderr.count("\n") == 1
    return done.stderr if status else done.stdout


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
            asked = httpx2.get(service.url + "/tokens/self", headers={"Authorization": f"Bearer {token}"})
            assert asked.json()["name"] == "bot"
        assert "bot" in visor("list", *here, token=root)
        assert "bot" not in visor("list", *here, token=bot["token"], status=1)
        assert "revoked at rev" in visor("revoke", bot["id"], *here, token=root)
        assert "valid" in visor("list", *here, token=bot["token"], status=1)
        assert "visor.db" in visor("list", "--store", store, status=1), "the service has the store"


def test_what_makes_no_token_is_one_line(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/visor.db")
    refusals = {
        ("create", "--name", "x", "--role", "viewer"): "--apps",
        ("create", "--name", "x"): "--role",
        ("create", "--name", "visor", "--role", "admin"): "reserved",
        ("create", "--name", "x", "--role", "admin", "--expires", "soon"): "90d",
        ("create", "--name", "x", "--grants", "[}"): "JSON",
        ("create", "--name", "x", "--grants", '[{"role":"king"}]'): "grants",
        ("revoke", "../apps/cat"): "id",
        ("revoke", "a" * 12): "There is no token",
    }
    for arguments, what in refusals.items():
        assert what in visor(*arguments, *store, status=1)
