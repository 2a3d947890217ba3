"""kill -9 in the middle of writing, again and again, on one file."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.fault.conftest import Serve
from tests.fault.kill_checks import Told, check_whole
from tests.fault.kill_writers import Writer, crew
from tests.fault.visor_process import Serving
from tests.serving import APP, ARCHIVE
from tests.sse.sse_reader import Frame, SseStream

KILLS = 50
SEED = 20_240_607


class Follower:
    """One who follows the history over all crashes with nothing but the last id that came."""

    def __init__(self, visor: Serving) -> None:
        self._visor = visor
        self.frames: list[Frame] = []
        self._place = "0"

    def follow_until_cut(self) -> None:
        try:
            stream = SseStream(self._visor.port, "/events", last_event_id=self._place)
        except ConnectionError:
            return  # it was killed before it answered
        with stream:
            while (frame := stream.next()) is not None:
                self._take(frame)
            assert stream.whole is False

    def follow_up_to(self, rev: int) -> None:
        with SseStream(self._visor.port, "/events", last_event_id=self._place) as stream:
            for frame in stream.up_to(rev):
                self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.id is not None:
            self._place = frame.id
        if frame.is_event:
            self.frames.append(frame)


class Remembered:
    """What old revs answered, byte for byte."""

    PATHS = (
        "/apps",
        "/instances",
        "/apps/base",
        "/apps/base/env",
        "/revisions",
        "/apps/base/proctypes/web/scale",
    )

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._answers: dict[str, bytes] = {}

    def look(self, visor: Serving) -> None:
        rev = visor.rev
        for at in (rev, self._chance.randint(4, rev)):
            path = f"{self._chance.choice(self.PATHS)}?rev={at}"
            if not path.startswith("/apps/base/") or "scale" in path:
                path += "" if "scale" in path else "&limit=1000"
            self._answers.setdefault(path, visor.get(path).content)

    def check(self, visor: Serving) -> None:
        for path in self._chance.sample(sorted(self._answers), min(8, len(self._answers))):
            assert visor.get(path).content == self._answers[path], f"{path} has changed"


def test_what_was_acknowledged_survives_50_kills_whole_and_once(serve: Serve) -> None:
    """No acknowledged write is gone, nothing is half done, old revs read the same bytes, retries with a
    key do nothing twice, and the history goes on without a gap over every crash."""
    visor = serve(bookmark=0.02)
    visor.made("/apps", {**APP, "name": "base"})
    visor.made("/apps/base/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
    visor.made("/apps/base/proctypes", {"name": "web"})
    visor.made("/apps/base/proctypes", {"name": "worker"})
    chance = random.Random(SEED)
    writers = crew(SEED)
    told, follower, remembered = Told(), Follower(visor), Remembered(chance)
    starts = []
    for _ in range(KILLS):
        _write_until_killed(visor, writers, follower, remembered, chance.uniform(0.03, 0.15))
        starts.append(visor.start())
        told.read_on(visor)
        _check_promises(writers, told)
        remembered.check(visor)
        check_whole(visor, told)
    for writer in writers:
        writer.settle(visor.url)
    visor.made("/apps/base/proctypes/web/scale", {"revision": "128af9", "count": 7}, "PUT")
    told.read_on(visor)
    _check_promises(writers, told)
    check_whole(visor, told)
    assert len([i for key, i in told.state.items() if key[0] == "instance" and i["proctype"] == "web"]) >= 7
    follower.follow_up_to(told.rev)
    assert [(f.rev, f.said["index"]) for f in follower.frames] == _places(visor, told.rev)
    assert visor.said == "", "the service complained"
    once = sum(len(writer.once) for writer in writers)
    print(  # noqa: T201 - shown with -s, and where it fails
        f"\n{told.rev} revs, {sum(len(w.kept) for w in writers)} promises, {once} with a key, "
        f"start {min(starts):.2f} to {max(starts):.2f} s, the last {starts[-1]:.2f} s"
    )


def _write_until_killed(
    visor: Serving, writers: list[Writer], follower: Follower, remembered: Remembered, seconds: float
) -> None:
    with ThreadPoolExecutor(len(writers) + 1) as pool:
        working = [pool.submit(writer.work, visor.url) for writer in writers]
        following = pool.submit(follower.follow_until_cut)
        remembered.look(visor)
        time.sleep(seconds)  # not a wait for anything: where it hits is to be any moment
        visor.kill()
        for each in [*working, following]:
            each.result(30)


def _check_promises(writers: list[Writer], told: Told) -> None:
    for writer in writers:
        for promised in writer.kept:
            assert told.last_rev.get(promised.actor) == promised.rev, f"{promised} is gone"
    for actor, revs in told.actors.items():
        scaled = actor.startswith("w5-")
        assert revs == 1 or scaled or actor == "anonymous", f"{actor} happened {revs} times"


def _places(visor: Serving, rev: int) -> list[tuple[int, int]]:
    places, place = [], "0"
    while True:
        page = visor.get("/events?limit=1000", headers={"Accept": "application/json", "Last-Event-ID": place})
        items = [event for event in page.json()["items"] if event["rev"] <= rev]
        if not items:
            return places
        places += [(event["rev"], event["index"]) for event in items]
        place = page.json()["next"]
