"""Served is only what continues what was served: never a store that came to be where another one was.

The file of a running service is removed, cut off, replaced by another store's, by an older copy of its own,
by one that went another way. Nothing is acknowledged then, what is held can be read, streams end with `gone`,
and `readyz` and one line of the log say what to do.
"""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.etcd.cluster import until
from tests.fault.conftest import Serve
from tests.fault.visor_process import Serving
from tests.sse.sse_reader import SseStream

APP = {"name": "cat", "repo_url": "https://git.example.com/cat.git", "stack": "lenny"}


def _files(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]


def _copy(source: Path, target: Path) -> None:
    """Its files, as they are while it is stopped or not served."""
    for one, other in zip(_files(source), _files(target), strict=True):
        other.unlink(missing_ok=True)
        if one.exists():
            shutil.copy(one, other)


def _write(visor: Serving, *values: str) -> None:
    for value in values:
        visor.made("/apps/cat/env/a", {"value": value}, "PUT")


def _served(serve: Serve, **flags: object) -> Serving:
    visor = serve(**flags)
    visor.made("/apps", APP)
    _write(visor, "1", "2", "3")
    return visor


def _removed(visor: Serving, serve: Serve) -> None:
    for one in visor.store.parent.glob("visor.db*"):
        if one != visor.stderr:
            one.unlink()


def _log_removed(visor: Serving, serve: Serve) -> None:
    """The write-ahead log alone: all that is not in the file yet would go with it."""
    _files(visor.store)[1].unlink()


def _replaced(visor: Serving, serve: Serve) -> None:
    other = serve("other.db")
    other.made("/apps", {**APP, "name": "dog"})
    other.terminate()
    _removed(visor, serve)
    _copy(other.store, visor.store)


def _older(visor: Serving, serve: Serve) -> None:
    """A copy of its own from before its last writes."""
    copy = visor.store.with_name("copy.db")
    visor.signal(signal.SIGSTOP)
    _copy(visor.store, copy)
    visor.signal(signal.SIGCONT)
    _write(visor, "4", "5")
    for one in _files(visor.store):
        one.unlink()
    _copy(copy, visor.store)


def _another_way(visor: Serving, serve: Serve) -> None:
    """An older copy that was served elsewhere, and has gone further since than what is served here."""
    copy = visor.store.with_name("copy.db")
    visor.signal(signal.SIGSTOP)
    _copy(visor.store, copy)
    visor.signal(signal.SIGCONT)
    _write(visor, "4", "5")
    elsewhere = serve("copy.db")
    _write(elsewhere, "x", "y", "z", "x")
    elsewhere.terminate()
    for one in _files(visor.store):
        one.unlink()
    _copy(copy, visor.store)


def _cut_off(visor: Serving, serve: Serve) -> None:
    os.truncate(visor.store, 0)


@pytest.mark.parametrize("happens", [_removed, _log_removed, _replaced, _older, _another_way, _cut_off])
def test_nothing_is_acknowledged_where_the_served_file_is_no_more(
    serve: Serve, happens: Callable[[Serving, Serve], None]
) -> None:
    visor = _served(serve)
    with SseStream(visor.port, "/events") as stream:
        happens(visor, serve)
        rev = visor.rev if visor.get("/rev").is_success else int(visor.get("/livez").headers["visor-rev"])
        held = visor.get(f"/apps/cat?rev={rev}&consistency=stale")
        # At once: not even before it was noticed by itself.
        for _ in range(3):
            refused = visor.client.put("/apps/cat/env/a", json={"value": "lost"})
            assert refused.status_code == 503, refused.text
        for frame in iter(stream.next, None):
            if frame.event == "gone":
                break
        else:
            raise AssertionError("the stream ends without a word")
    assert visor.get("/apps/cat").status_code == 503
    assert visor.get("/events?rev=1", headers={"Accept": "application/json"}).status_code == 503
    assert visor.get(f"/apps/cat?rev={rev}").content == held.content
    assert visor.get("/apps/cat?consistency=stale").json()["env"] == held.json()["env"]
    assert visor.get("/livez").status_code == 200
    ready = visor.get("/readyz")
    assert ready.status_code == 503
    assert "not the one that was being served" in ready.json()["detail"]
    assert "restart Visor" in ready.json()["detail"], "it says what to do"
    lines = [line for line in visor.said.splitlines() if "not ready" in line]
    assert len(lines) == 1, visor.said
    assert "not the one that was being served" in lines[0]


def test_it_is_noticed_though_nobody_writes(serve: Serve) -> None:
    visor = _served(serve)
    _removed(visor, serve)
    until(lambda: visor.get("/readyz").status_code == 503, "readyz says so")


def test_it_goes_on_when_what_was_served_is_back(serve: Serve) -> None:
    visor = _served(serve)
    away = visor.store.with_name("away.db")
    for one, other in zip(_files(visor.store), _files(away), strict=True):
        one.rename(other)
    until(lambda: visor.get("/readyz").status_code == 503, "readyz says so")
    for one, other in zip(_files(visor.store), _files(away), strict=True):
        other.rename(one)
    until(lambda: visor.get("/readyz").status_code == 200, "it goes on")
    _write(visor, "4")
    visor.kill()
    visor.start()
    assert visor.get("/apps/cat").json()["env"] == {"a": "4"}
    assert "ready again" in visor.said


def test_what_a_start_has_recovered_is_logged(serve: Serve) -> None:
    visor = _served(serve, log_level="info")
    visor.kill()
    assert "was not closed cleanly" not in visor.said
    visor.start()
    (line,) = [line for line in visor.said.splitlines() if "was not closed cleanly" in line]
    assert "up to rev 4" in line
    visor.terminate()
    visor.start()
    assert visor.said.count("was not closed cleanly") == 1
