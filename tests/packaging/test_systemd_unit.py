"""deploy/visor.service: judged by systemd's own tools where they are, and by what it promises everywhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy" / "visor.service"
EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here"
)


def directives() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def said(name: str) -> str:
    (value,) = directives()[name]
    return value


@needs_systemd
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    """With the command of a file that is here: systemd looks whether it can be run."""
    there = tmp_path / UNIT.name
    there.write_text(UNIT.read_text().replace("/usr/local/bin/visor", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", there], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_the_sandbox_leaves_little(tmp_path: Path) -> None:
    """At most 2.0, where 10 is a service without any sandbox."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", UNIT],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    level = re.search(r"Overall exposure level for visor\.service: ([0-9.]+)", done.stdout)
    assert level is not None, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE
    assert done.returncode == 0, "the tool's own judgement"


def test_it_is_told_when_the_service_is_ready_and_stuck() -> None:
    assert said("Type") == "notify"
    assert int(said("WatchdogSec")) > 0
    assert said("Restart") == "on-failure", "which a watchdog that runs out is"


def test_it_waits_longer_for_the_end_than_the_service_takes_for_it() -> None:
    settings = {name: field.default for name, field in Settings.model_fields.items()}
    assert int(said("TimeoutStopSec")) > settings["drain"] + settings["shutdown_timeout"]


def test_the_store_is_in_the_directory_that_it_may_write() -> None:
    assert said("DynamicUser") == "yes"
    assert f"VISOR_STORE=sqlite:////var/lib/{said('StateDirectory')}/visor.db" in directives()["Environment"]


def test_as_many_files_may_be_open_as_connections_are_allowed() -> None:
    """The service would raise its own limit, which the filter of system calls may forbid."""
    assert int(said("LimitNOFILE")) > Settings.model_fields["max_connections"].default + 100


def test_the_process_metrics_can_be_read() -> None:
    """They come from /proc/stat, which `ProcSubset=pid` hides: there would be no `process_*` at all."""
    assert "ProcSubset" not in directives()


def test_the_drop_in_for_tls_hands_over_what_it_names() -> None:
    """The key is readable for root alone: the service gets a copy of systemd, and is told where that is."""
    lines = (ROOT / "deploy" / "visor-tls.conf").read_text().splitlines()
    handed = {
        line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("LoadCredential=")
    }
    told = dict(
        line.removeprefix("Environment=").split("=") for line in lines if line.startswith("Environment=")
    )
    assert told.keys() == {"VISOR_TLS_CERT", "VISOR_TLS_KEY"}
    assert {value.removeprefix("%d/") for value in told.values()} == handed
    for name in told:
        assert name.removeprefix("VISOR_").lower() in Settings.model_fields
