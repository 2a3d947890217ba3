"""A start that cannot be is one line that says what is wrong and what to do, and exit status 1."""

import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app.store.sqlite.file import connect_writer
from tests.etcd.cluster import free_port
from tests.fault.conftest import Serve
from tests.fault.visor_process import Launcher


@pytest.fixture
def refused(launcher: Launcher, tmp_path: Path) -> Any:
    """Runs `visor serve`, which must refuse: the line it says."""

    def run(*flags: str, **env: str) -> str:
        given = {"--port": str(free_port()), "--store": f"sqlite:///{tmp_path}/mine.db"}
        rest = [part for flag, value in given.items() if flag not in flags for part in (flag, value)]
        args = ("serve", *rest, *flags)
        status, said = launcher.run(*args, stderr=tmp_path / "said", env=env)
        assert status == 1, said
        assert said.startswith("visor: "), said
        assert said.count("\n") == 1, f"more than a line: {said}"
        assert said.endswith("\n")
        return said

    return run


def test_a_wrong_setting_is_named(refused: Any) -> None:
    for value in ("eighty", "70000", "-1", ""):
        assert "VISOR_PORT" in refused("--port", value)
    for name, value in [
        ("VISOR_HISTORY", "0"),
        ("VISOR_HISTORY", "many"),
        ("VISOR_LOG_LEVEL", "loud"),
        ("VISOR_LOG_FORMAT", "xml"),
        ("VISOR_MAX_BODY", "-1"),
        ("VISOR_MAX_SUBSCRIBERS", "x"),
        ("VISOR_KEEP_ALIVE", "0"),
        ("VISOR_BOOKMARK", "nan"),
        ("VISOR_SEND_TIMEOUT", "0"),
        ("VISOR_STREAM_MAX_AGE", "-1"),
        ("VISOR_SHUTDOWN_TIMEOUT", "0"),
        ("VISOR_HOST", ""),
    ]:
        assert f"{name} (--{name.removeprefix('VISOR_').lower().replace('_', '-')})" in refused(
            **{name: value}
        )


def test_a_wrong_store_says_which_there_are(refused: Any) -> None:
    for store in ("mysql://db", "visor.db", "sqlite:", "sqlite:///", "sqlite://visor.db", "", "redis:x"):
        said = refused("--store", store)
        assert "sqlite:///" in said, f"{store}: {said}"
    assert "hunter2" not in refused("--store", "mysql://root:hunter2@db"), "a password was repeated"


def test_a_port_in_use_is_said(refused: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused("--port", port, "--store", f"sqlite:///{tmp_path}/visor.db")
        assert port in said
        assert "in use" in said
    assert not (tmp_path / "visor.db").exists(), "it made a store that it does not serve"


def test_an_address_that_others_reach_needs_a_token(refused: Any, tmp_path: Path) -> None:
    """Whoever reached it would be an admin: it is said in one line, with what to do."""
    for host in ("0.0.0.0", "::"):
        said = refused("--host", host, "--port", "0", "--store", f"sqlite:///{tmp_path}/visor.db")
        assert "visor token create" in said
        assert "--insecure" in said


def test_an_address_that_is_not_here_is_said(refused: Any, tmp_path: Path) -> None:
    said = refused("--host", "203.0.113.1", "--store", f"sqlite:///{tmp_path}/visor.db")
    assert "203.0.113.1" in said


def test_files_that_are_no_store_are_left_as_they_are(refused: Any, tmp_path: Path) -> None:
    text, other, empty = tmp_path / "notes.txt", tmp_path / "other.db", tmp_path / "directory"
    text.write_text("dear diary\n" * 1000)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    empty.mkdir()
    for path in (text, other):
        before = path.read_bytes()
        said = refused("--store", f"sqlite:///{path}")
        assert str(path) in said
        assert "not a Visor store" in said
        assert path.read_bytes() == before
    assert str(empty) in refused("--store", f"sqlite:///{empty}")


def test_a_directory_that_is_not_there_is_said(refused: Any, tmp_path: Path) -> None:
    said = refused("--store", f"sqlite:///{tmp_path}/nowhere/visor.db")
    assert f"{tmp_path}/nowhere" in said
    assert not (tmp_path / "nowhere").exists()


def test_a_newer_schema_is_said(refused: Any, serve: Serve, tmp_path: Path) -> None:
    visor = serve("newer.db")
    visor.made("/services", {"name": "a"})
    assert visor.terminate() == 0
    # As a newer version of Visor would write it: with page checksums, which another program knows not.
    connection = connect_writer(visor.store)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = visor.store.read_bytes()
    said = refused("--store", f"sqlite:///{visor.store}")
    assert "schema 99" in said
    assert visor.store.read_bytes() == before


def test_a_damaged_file_is_said(refused: Any, serve: Serve) -> None:
    visor = serve("damaged.db")
    for number in range(50):
        visor.made("/services", {"name": f"s{number}"})
    assert visor.terminate() == 0
    whole = visor.store.read_bytes()
    visor.store.write_bytes(whole[: len(whole) // 2])
    said = refused("--store", f"sqlite:///{visor.store}")
    assert "damaged" in said
    assert "visor restore" in said


def test_a_backup_is_not_served(refused: Any, serve: Serve, launcher: Launcher, tmp_path: Path) -> None:
    visor = serve()
    backup = tmp_path / "backup.db"
    status, said = launcher.run(
        "backup", str(backup), "--store", f"sqlite:///{visor.store}", stderr=tmp_path / "out"
    )
    assert status == 0, said
    assert "visor restore" in refused("--store", f"sqlite:///{backup}")


def test_a_second_service_on_the_file_is_refused_and_the_first_goes_on(refused: Any, serve: Serve) -> None:
    visor = serve()
    visor.made("/services", {"name": "before"})
    links = [visor.store, visor.store.with_name("link.db")]
    links[1].symlink_to(visor.store)
    for path in links:
        said = refused("--store", f"sqlite:///{path}")
        assert "in use by another process" in said
        assert f"pid {visor.pid}" in said
    visor.made("/services", {"name": "after"})
    assert visor.rev == 2
    visor.kill()
    visor.start()
    assert [s["name"] for s in visor.get("/services").json()["items"]] == ["after", "before"]
    assert visor.said == ""
