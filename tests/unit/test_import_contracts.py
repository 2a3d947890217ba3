"""Each contract of `.importlinter` refuses an import that it forbids; a misspelled one would hold nothing."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FORBIDDEN = {
    "one-way": ("app/registry/ports.py", "from app.http import bounds"),
    "store-knows-no-models": ("app/store/snapshots.py", "from app.models import keys"),
    "no-drivers": ("app/events/sse.py", "from app.store.etcd import layout"),
    "rules-are-pure": ("app/registry/ports.py", "import asyncio"),
    "models-are-plain": ("app/models/revs.py", "import fastapi"),
    "drivers-are-apart": ("app/store/etcd/layout.py", "from app.store.sqlite import schema"),
    "client-stands-alone": ("visor_client/options.py", "from app.models import names"),
    "service-needs-no-client": ("app/models/revs.py", "import visor_client.options"),
    "embedded-knows-no-etcd": ("app/store/sqlite/schema.py", "from app.store.etcd import layout"),
}
"""For each contract a file and an import that it must not have."""


def contracts() -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    return [name.rpartition(":")[2] for name in config.sections() if ":contract:" in name]


def test_every_contract_is_tried() -> None:
    assert sorted(contracts()) == sorted(FORBIDDEN)


@pytest.mark.parametrize("contract", FORBIDDEN)
def test_a_forbidden_import_is_refused(contract: str, tmp_path: Path) -> None:
    for package in ("app", "visor_client"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    name, line = FORBIDDEN[contract]
    file = tmp_path / name
    lint = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--contract", contract]
    before = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert before.returncode == 0, before.stdout
    file.write_text(f"{file.read_text()}\n{line}\n")
    after = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert after.returncode == 1, after.stdout
    assert "BROKEN" in after.stdout
