"""`-` in the place of a file: standard output and standard input, and nothing left behind."""

import os
import pty
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.running import ended, refused, started
from tests.fault.visor_process import Launcher, Serving
from tests.serving import APP


@pytest.fixture(scope="module")
def visor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service whose store is larger than what SQLite holds of it, and is being served."""
    launcher = Launcher()
    serving = Serving(launcher, tmp_path_factory.mktemp("streams") / "s.db")
    try:
        serving.start()
        for number in range(8):
            values = {f"k{n}": "x" * 60_000 for n in range(10)}
            serving.made("/apps", {**APP, "name": f"app{number}", "env": values})
        yield serving
    finally:
        serving.close()
        launcher.close()


def store_of(path: Path) -> list[str]:
    return ["--store", f"sqlite:///{path}"]


def names(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


def test_a_backup_goes_out_and_comes_in_by_pipes(visor: Serving, tmp_path: Path) -> None:
    """As `docker compose exec -T visor visor backup - > file` has it."""
    before = names(visor.store.parent)
    saved = tmp_path / "saved"
    with saved.open("wb") as out:
        backup = started("backup", "-", *store_of(visor.store), stdout=out, stderr=subprocess.PIPE)
        assert backup.communicate(timeout=120)[1] == f"backed up {visor.store} to standard output\n".encode()
        assert backup.returncode == 0
    assert names(visor.store.parent) == before
    fresh = tmp_path / "fresh.db"
    with saved.open("rb") as given:
        restored = ended("restore", "-", *store_of(fresh), stdin=given)
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.startswith(f"restored {fresh} from standard input: it starts at rev ".encode())
    assert names(tmp_path) == {"saved", "fresh.db", "fresh.db.lock"}
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
    launcher = Launcher()
    other = Serving(launcher, fresh)
    try:
        other.start()
        for number in range(8):
            path = f"/apps/app{number}/env"
            assert other.get(path).json()["vars"] == visor.get(path).json()["vars"]
    finally:
        other.close()
        launcher.close()


def test_what_comes_in_is_looked_at_as_any_backup(tmp_path: Path) -> None:
    store = store_of(tmp_path / "s.db")
    assert "standard input was empty" in refused("restore", "-", *store, stdin=subprocess.DEVNULL)
    (tmp_path / "notes").write_text("no backup " * 1000)
    with (tmp_path / "notes").open("rb") as given:
        assert "standard input is not a Visor store" in refused("restore", "-", *store, stdin=given)
    assert names(tmp_path) <= {"notes", "s.db.lock"}


def test_a_backup_whose_reader_is_gone_is_no_traceback(visor: Serving) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    backup = started("backup", "-", *store_of(visor.store), stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert b"Traceback" not in backup.communicate(timeout=120)[1]
    assert backup.returncode == 1


@pytest.mark.parametrize(("command", "stream"), [("backup", "stdout"), ("restore", "stdin")])
def test_a_terminal_is_neither_written_to_nor_read_from(
    visor: Serving, tmp_path: Path, command: str, stream: str
) -> None:
    ours, theirs = pty.openpty()
    store = visor.store if command == "backup" else tmp_path / "s.db"
    running = started(
        command,
        "-",
        *store_of(store),
        **{"stdin": subprocess.DEVNULL, stream: theirs},
        stderr=subprocess.PIPE,
    )
    said = running.communicate(timeout=120)[1].decode()
    os.close(ours)
    os.close(theirs)
    assert running.returncode == 1
    assert said.startswith(f"visor: `visor {command} -`")


@pytest.mark.parametrize("command", ["backup", "restore"])
@pytest.mark.parametrize(
    ("store", "says"),
    [
        ("etcd://127.0.0.1:1/visor", "etcdctl snapshot save FILE"),
        ("etcd://127.0.0.1:1/visor", "--bump-revision 1000000000 --mark-compacted"),
        ("memory:", "keeps nothing"),
        ("sqlite:////no/such/place/s.db", "does not exist"),
    ],
)
@pytest.mark.parametrize("file", ["-", "b"])
def test_a_store_that_is_no_file_here_says_what_to_do(
    tmp_path: Path, command: str, store: str, says: str, file: str
) -> None:
    (tmp_path / "b").touch()
    with (tmp_path / "b").open("rb") as given:
        said = refused(command, file, "--store", store, stdin=given, cwd=tmp_path)
    assert says in said


def test_the_document_goes_to_standard_output_or_to_a_file(tmp_path: Path) -> None:
    printed = ended("openapi").stdout
    assert yaml.safe_load(printed)["openapi"].startswith("3.1")
    assert ended("openapi", "-").stdout == printed
    assert ended("openapi", tmp_path / "o.yaml").stdout == b""
    assert (tmp_path / "o.yaml").read_bytes() == printed
    assert "cannot be written" in refused("openapi", tmp_path / "none" / "o.yaml")
