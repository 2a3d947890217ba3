"""A backup of a running service, brought back: nothing that was given before is given again."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fault.conftest import Serve
from tests.fault.many_readers import Subscriber, connected, told
from tests.fault.registry_lists import lists
from tests.fault.visor_process import Launcher, Serving
from tests.serving import APP, ARCHIVE
from tests.sse.sse_reader import SseStream


def _runnable(visor: Serving) -> None:
    visor.made("/apps", {**APP, "name": "base"})
    visor.made("/apps/base/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
    visor.made("/apps/base/proctypes", {"name": "web"})


def _scale(visor: Serving, count: int) -> Any:
    return visor.made("/apps/base/proctypes/web/scale", {"revision": "128af9", "count": count}, "PUT")


class Commands:
    """`visor backup` and `visor restore`."""

    def __init__(self, launcher: Launcher, path: Path) -> None:
        self._launcher = launcher
        self._path = path

    def backup(self, visor: Serving, name: str) -> Path:
        target = self._path / name
        status, said = self._run("backup", str(target), visor.store)
        assert status == 0, said
        assert str(target) in said
        return target

    def restore(self, visor: Serving, backup: Path) -> int:
        """The rev at which the store starts."""
        status, said = self._run("restore", str(backup), visor.store)
        assert status == 0, said
        return int(said.rpartition(" ")[2])

    def _run(self, command: str, file: str, store: Path) -> tuple[int, str]:
        return self._launcher.run(
            command, file, "--store", f"sqlite:///{store}", stderr=self._path / "commands.out"
        )

    def refused(self, command: str, file: Path, visor: Serving) -> str:
        status, said = self._run(command, str(file), visor.store)
        assert status == 1
        assert said.startswith("visor: ")
        assert said.count("\n") == 1, said
        return said


@pytest.fixture
def commands(launcher: Launcher, tmp_path: Path) -> Commands:
    return Commands(launcher, tmp_path)


def test_a_backup_under_writes_is_the_registry_at_one_rev(serve: Serve, commands: Commands) -> None:
    """And holds up nobody: writes go on while it is made."""
    visor = serve()
    _runnable(visor)
    stop = threading.Event()
    answered: list[int] = []

    def write(number: int) -> None:
        with httpx2.Client(base_url=visor.url, timeout=30, verify=False) as client:
            turn = 0
            while not stop.is_set():
                turn += 1
                count = (number + turn) % 20
                body = {"revision": "128af9", "count": count}
                answer = client.put("/apps/base/proctypes/web/scale", json=body)
                assert answer.status_code == 200
                answered.append(answer.json()["rev"])

    backups = []
    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, number) for number in range(3)]
        for number in range(3):
            before = len(answered)
            least = max(answered, default=3)
            backups.append((commands.backup(visor, f"backup-{number}"), least))
            while len(answered) == before:
                pass
        stop.set()
        for each in writing:
            each.result()
    for number, (backup, least) in enumerate(backups):
        other = Serving(visor._launcher, visor.store.with_name(f"other-{number}.db"))
        try:
            start = commands.restore(other, backup)
            other.start()
            assert other.rev == start
            restored = lists(other)
            changed = max(i["rev"] for i in [*restored["instance"], *restored["app"]])
            revs = range(max(least, changed), max(answered) + 1)
            assert any(lists(visor, rev) == restored for rev in revs), f"backup {number} is of no rev"
        finally:
            other.close()


def test_a_restore_gives_no_rev_and_no_id_twice(serve: Serve, commands: Commands) -> None:
    visor = serve()
    _runnable(visor)
    first = _scale(visor, 5)["started"]
    backup = commands.backup(visor, "backup")
    later = _scale(visor, 12)  # given after the backup: instances that hosts may still run
    port = visor.made("/apps/base/proctypes", {"name": "later"})["port"]
    place = visor.get("/events?rev=0&limit=1000", headers={"Accept": "application/json"}).json()["next"]
    last = visor.rev
    assert visor.terminate() == 0

    start = commands.restore(visor, backup)
    assert start > last
    visor.start()
    assert visor.get("/rev").json()["rev"] == visor.get("/rev").json()["oldest_rev"] == start
    assert [i["id"] for i in visor.get("/instances").json()["items"]] == first
    assert visor.get("/apps/base/proctypes/later").status_code == 404
    given = _scale(visor, 6)
    assert given["rev"] > start
    assert min(given["started"]) > max(later["started"]), "an id lives again"
    assert visor.made("/apps/base/proctypes", {"name": "again"})["port"] >= port

    for rev in (1, last, start - 1):
        gone = visor.get(f"/apps?rev={rev}")
        assert gone.status_code == 410, rev
        assert gone.json()["oldest_rev"] == start
    for old in (place, "1-0", str(last), str(start - 1)):
        with SseStream(visor.port, "/events", last_event_id=old) as stream:
            assert stream.status == 410, old
            assert stream.problem["oldest_rev"] == start
    with SseStream(visor.port, "/events", snapshot=True) as stream:
        kinds = []
        while (frame := stream.next()) is not None and frame.event != "snapshot-end":
            kinds += [frame.said["kind"]] if frame.event == "snapshot" else []
        assert frame is not None
        assert frame.rev > start
        assert kinds.count("instance") == 6


def test_subscribers_that_were_ahead_of_the_backup_are_told_to_start_afresh(
    serve: Serve, commands: Commands
) -> None:
    """They come again by themselves with the place they have, on a store that has not what they were told:
    each gets 410, every time, and never a stream that goes on as if nothing had happened."""
    visor = serve()
    _runnable(visor)
    backup = commands.backup(visor, "backup")

    async def run() -> None:
        ahead = [Subscriber(visor.port, 3) for _ in range(20)]
        for one in ahead:
            one.start()
        await connected(ahead)
        for count in range(1, 6):
            visor.made("/members/pms/10.0.0.1", {"version": f"{count}"}, "PUT")
        await told(ahead, 8)
        await asyncio.to_thread(visor.kill)
        start = await asyncio.to_thread(commands.restore, visor, backup)
        await asyncio.to_thread(visor.start)
        # More commits than were lost, so that a place counted by how many would seem to be there again.
        for count in range(10):
            visor.made("/members/pms/10.0.0.1", {"version": f"again-{count}"}, "PUT")
        async with asyncio.timeout(30):
            for one in ahead:
                while len(one.refused) < 2:  # noqa: ASYNC110 - they tell nobody
                    await asyncio.sleep(0.01)
        for one in ahead:
            await one.stop()
            assert one.connected == 1, "a place before the restore was taken up again"
            assert one.revs == list(range(4, 9))
            assert all(head.startswith(b"HTTP/1.1 410") for head in one.refused)
        fresh = Subscriber(visor.port, start)
        fresh.start()
        await told([fresh], start + 10)
        await fresh.stop()
        assert fresh.revs == list(range(start + 1, start + 11))

    asyncio.run(run())


def test_restoring_again_goes_on_above(serve: Serve, commands: Commands) -> None:
    """Twice from the same backup, with writes between: still no rev and no id comes again."""
    visor = serve()
    _runnable(visor)
    _scale(visor, 3)
    backup = commands.backup(visor, "backup")
    highest_rev, highest_id = visor.rev, 3
    for _ in range(3):
        visor.kill()
        start = commands.restore(visor, backup)
        assert start > highest_rev
        visor.start()
        scaled = _scale(visor, 8)
        assert min(scaled["started"]) > highest_id
        assert scaled["previous"] == 3
        highest_rev, highest_id = scaled["rev"], max(scaled["started"])
    assert "Traceback" not in visor.said


def test_a_restore_is_refused_while_the_service_runs(serve: Serve, commands: Commands) -> None:
    visor = serve()
    _runnable(visor)
    backup = commands.backup(visor, "backup")
    assert f"pid {visor.pid}" in commands.refused("restore", backup, visor)
    visor.made("/services", {"name": "a"})
    visor.kill()
    visor.start()
    assert visor.rev == 4
    assert "exists" in commands.refused("backup", backup, visor), "a backup overwrites nothing"


def test_a_retry_across_a_restore_is_safe(serve: Serve, commands: Commands) -> None:
    """What was done before the backup is remembered in it."""
    visor = serve()
    first = visor.client.post("/services", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    backup = commands.backup(visor, "backup")
    visor.kill()
    commands.restore(visor, backup)
    visor.start()
    again = visor.client.post("/services", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
