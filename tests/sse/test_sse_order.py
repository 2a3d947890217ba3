"""Order is rev, then index; a commit with many changes is many events of one rev."""

from tests.serving import ARCHIVE, Service
from tests.sse.conftest import Follow
from tests.sse.sse_reader import Frame


def _ids(frames: list[Frame]) -> list[str | None]:
    return [frame.id for frame in frames]


def test_a_scale_of_100_is_100_events_of_one_rev(visor: Service, follow: Follow) -> None:
    visor.runnable()
    stream = follow(visor)
    scaled = visor.scale(100)
    frames = stream.events(100)
    assert _ids(frames) == [f"{scaled['rev']}-{index}" for index in range(100)]
    assert [frame.said["instance"] for frame in frames] == scaled["started"]
    assert {frame.event for frame in frames} == {"instance-register"}
    assert [frame.said["index"] for frame in frames] == list(range(100))
    assert len({frame.said["at"] for frame in frames}) == 1


def test_a_scale_down_tells_what_became_of_each(visor: Service, follow: Follow) -> None:
    visor.runnable()
    visor.scale(3)
    visor.post("/instances/claim", {"host": "10.0.0.7"})
    stream = follow(visor)
    down = visor.scale(0)
    frames = stream.events(3)
    assert _ids(frames) == [f"{down['rev']}-{index}" for index in range(3)]
    assert {(f.said["instance"], f.event) for f in frames} == {
        (1, "instance-stop"),
        (2, "instance-unregister"),
        (3, "instance-unregister"),
    }
    (stopped,) = [f.said for f in frames if f.event == "instance-stop"]
    assert (stopped["object"]["status"], stopped["object"]["reason"]) == ("stopping", "scaled down")


def test_a_large_scale_is_batches_of_one_rev_each(visor: Service, follow: Follow) -> None:
    visor.runnable()
    stream = follow(visor, type="instance-*")
    visor.scale(250)
    frames = stream.events(250)
    places = [(frame.rev, frame.said["index"]) for frame in frames]
    assert places == sorted(places)
    assert [frame.said["instance"] for frame in frames] == list(range(1, 251))
    by_rev = [[i for r, i in places if r == rev] for rev in sorted({rev for rev, _ in places})]
    assert by_rev == [list(range(100)), list(range(100)), list(range(50))]


def test_unregistering_an_app_tells_of_all_that_was_its_own(visor: Service, follow: Follow) -> None:
    visor.runnable()
    visor.made("/apps/cat/revisions", {"ref": "beef"})
    visor.made("/apps/cat/envs", {"ref": "blue", "vars": {}})
    visor.made("/apps/cat/proctypes", {"name": "worker"})
    before = {
        path: visor.get(path).json()
        for path in (
            "/apps/cat",
            "/apps/cat/envs/blue",
            "/apps/cat/proctypes/web",
            "/apps/cat/proctypes/worker",
            "/apps/cat/revisions/128af9",
            "/apps/cat/revisions/beef",
        )
    }
    stream = follow(visor)
    rev = visor.delete("/apps/cat").json()["rev"]
    frames = stream.events(6)
    assert _ids(frames) == [f"{rev}-{index}" for index in range(6)]
    types = [frame.event for frame in frames]
    assert sorted(t or "" for t in types) == [
        "app-unregister",
        "env-unregister",
        "proc-unregister",
        "proc-unregister",
        "rev-unregister",
        "rev-unregister",
    ]
    assert sorted(map(str, (f.said["object"] for f in frames))) == sorted(map(str, before.values()))


def test_an_app_and_the_same_name_again_are_two_lives(visor: Service, follow: Follow) -> None:
    visor.runnable()
    visor.delete("/apps/cat")
    stream = follow(visor, rev=0)
    visor.runnable()
    types = [frame.event for frame in stream.events(9)]
    assert types[:3] == ["app-register", "rev-register", "proc-register"]
    assert set(types[3:6]) == {"app-unregister", "rev-unregister", "proc-unregister"}
    assert types[6:] == ["app-register", "rev-register", "proc-register"]


def test_all_streams_tell_the_same_history_in_the_same_bytes(visor: Service, follow: Follow) -> None:
    live = follow(visor)
    visor.runnable()
    visor.scale(20)
    visor.made("/apps/cat/revisions", {"ref": "next", "archive_url": ARCHIVE})
    visor.scale(5)
    later = follow(visor, rev=0)
    total = 3 + 20 + 1 + 15
    assert [f.raw for f in live.events(total)] == [f.raw for f in later.events(total)]
