"""`visor export`, `import` and `inspect`: a registry as a file, on its way, and looked at; and what long work
shows of itself."""

import io
import json
import os
import pty
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from app.cli import inspecting
from tests.cli.running import ended, started
from tests.cli.typed import printed, typed
from tests.http.import_files import APP, PROCTYPE, WHOLE, file_of
from tests.serving import Service, serving


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An export of one of everything."""
    made = tmp_path / "registry.ndjson"
    made.write_bytes(file_of(*WHOLE))
    return made


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fresh service, which the commands call."""
    with serving() as service:
        monkeypatch.setenv("VISOR_URL", service.url)
        monkeypatch.setenv("VISOR_ACTOR", "anna")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        yield service


COUNTS = "11 imported, 0 unchanged, 0 left as they are"


def test_a_registry_goes_out_and_comes_in(commands: Service, file: Path, tmp_path: Path) -> None:
    assert printed(f"import {file} --dry-run") == f"would be rev 0  11 objects: {COUNTS} (1 commits)\n"
    assert commands.rev == 0
    assert printed(f"import {file} -m 'a new home'") == f"rev 1  11 objects: {COUNTS} (1 commits)\n"
    commit = commands.get("/commits/1").json()
    assert (commit["actor"], commit["reason"]) == ("anna", "a new home")
    out = tmp_path / "out.ndjson"
    out.write_text(printed("export"))
    assert "0 imported, 11 unchanged" in printed(f"import {out}")
    assert json.loads(printed(f"import {out} -o json --mode merge"))["unchanged"] == 11
    curl = printed(f"import {file} --mode merge --curl")
    assert curl.startswith("curl -T - -X POST -H 'Content-Type: application/x-ndjson' ")
    assert curl.endswith(f"{commands.url}/import?mode=merge'\n")


def test_an_import_says_what_is_left_to_do(commands: Service, tmp_path: Path) -> None:
    commands.runnable("dog")
    secret = {"DB": {"rev": 1, "fingerprint": "a1b2c3d4"}}
    made = tmp_path / "made"
    made.write_bytes(
        file_of(("/apps/cat", {**APP, "secrets": secret}), ("/apps/cat/proctypes/web", PROCTYPE))
    )
    _, port, secrets = printed(f"import {made} --mode merge").splitlines()
    assert port == "/apps/cat/proctypes/web: port 8000 was taken, it has 8001"
    assert "1 secrets came without their values" in secrets


def test_an_import_from_standard_input(
    commands: Service, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert COUNTS in printed("import -")


def test_a_file_that_is_not_whole_is_not_sent(commands: Service, file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    for content, why in (
        (whole[:-300], "it was cut off after 10 objects"),
        (whole.replace(b"lenny", b"buster"), "it was changed"),
        (whole + b"{}\n", "it goes on after its last line"),
    ):
        file.write_bytes(content)
        done = typed(f"import {file}")
        assert (done.status, done.out) == (1, "")
        assert why in done.err
    assert "cannot be read" in typed(f"import {tmp_path}/none").err
    assert commands.rev == 0


def test_what_the_service_refuses_is_its_own_sentence(commands: Service, file: Path) -> None:
    commands.made("/services", {"name": "a"})
    done = typed(f"import {file}")
    assert (done.status, done.out) == (1, "")
    assert "The registry is not empty: it has 1 services" in done.err


def test_inspect_tells_what_an_export_has(file: Path) -> None:
    """No service is asked."""
    said = printed(f"inspect {file}")
    lines = dict(line.split(": ", 1) for line in said.splitlines())
    assert {name: value.strip() for name, value in lines.items()} == {
        "kind": "export",
        "whole": "yes",
        "schema": "3",
        "rev": "7",
        "at": "2026-11-30T18:04:11Z",
        **dict.fromkeys(("apps", "revisions", "env sets", "proctypes", "targets of scales"), "1"),
        **dict.fromkeys(("services", "endpoints", "runners", "members"), "1"),
        **dict.fromkeys(("instances", "ended instances"), "1"),
    }
    file.write_bytes(file.read_bytes()[:700])
    done = typed(f"inspect {file} -o json")
    assert done.status == 1
    told = json.loads(done.out)
    assert (told["whole"], told["objects"]) == (False, 2)
    assert "cut off" in told["problem"]


def test_inspect_tells_what_a_store_and_a_backup_have(file: Path, tmp_path: Path) -> None:
    """Also while a service has it."""
    store = tmp_path / "visor.db"
    with serving(store=f"sqlite:///{store}") as service:
        service.client.post("/import", content=file.read_bytes())
        service.put("/apps/cat/secrets/k", {"value": "v"})
        service.delete("/runners/10.0.0.7:9000")
        told = json.loads(printed(f"inspect {store} -o json"))
        rev = service.rev
    assert (told["kind"], told["whole"], told["rev"], told["oldest_rev"]) == ("store", True, rev, 0)
    assert (told["counts"]["secrets"], told["counts"].get("runners"), told["objects"]) == (1, None, 11)
    assert told["at"]
    backup = tmp_path / "backup.db"
    printed(f"backup {backup} --store sqlite:///{store}")
    assert json.loads(printed(f"inspect {backup} -o json")) == {**told, "kind": "backup"}


def test_inspect_says_what_is_no_file_of_ours(tmp_path: Path) -> None:
    other = tmp_path / "other"
    for content in (b"", b"hello", b'{"apps":[]}'):
        other.write_bytes(content)
        done = typed(f"inspect {other}")
        assert (done.status, done.out) == (1, "")
        assert "neither a store nor a backup nor an export" in done.err, content
    sqlite3.connect(tmp_path / "foreign.db").execute("CREATE TABLE a (b)").connection.close()
    assert "neither a store" in typed(f"inspect {tmp_path}/foreign.db").err
    assert "cannot be read" in typed(f"inspect {tmp_path}").err


def on_error_terminal(*arguments: str | Path, **more: Any) -> tuple[int, bytes, bytes]:
    """Exit status and output of a command whose standard error is a terminal, and what that showed."""
    ours, theirs = pty.openpty()
    process = started(*arguments, stdout=-1, stderr=theirs, **more)
    os.close(theirs)
    shown: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(ours, 65536):
                shown.append(part)
        except OSError:
            return

    reader = threading.Thread(target=read)
    reader.start()
    out, _ = process.communicate(timeout=120)
    reader.join(30)
    os.close(ours)
    return process.returncode, out, b"".join(shown)


def test_long_work_has_a_bar_on_a_terminal_and_nowhere_else(
    commands: Service, file: Path, tmp_path: Path
) -> None:
    """What goes to standard output is the same with it."""
    status, out, shown = on_error_terminal("import", file, "--url", commands.url)
    assert (status, out) == (0, f"rev 1  11 objects: {COUNTS} (1 commits)\n".encode())
    assert b"importing" in shown
    assert b"bytes" in shown or b"kB" in shown
    quiet = ended("export", "--url", commands.url)
    assert quiet.stderr == b""
    status, out, shown = on_error_terminal("export", "--url", commands.url)
    assert (status, out) == (0, quiet.stdout)
    assert b"exporting" in shown


def test_kinds_have_the_same_names_in_exports_and_stores(file: Path) -> None:
    named = {line.split(":")[0] for line in printed(f"inspect {file}").splitlines()[5:]}
    assert named <= set(inspecting._ORDER)
