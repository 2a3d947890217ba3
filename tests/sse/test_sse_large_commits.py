"""A commit of 1,900 objects is one for who follows: whole, in order, at one rev."""

from datetime import datetime

from app.models.codec import encode
from app.models.service import Service as Registered
from app.registry.state import new
from app.store.contract import Changes, Snapshot
from app.store.records import Origin
from tests.serving import Service
from tests.sse.conftest import Follow

NAMES = [f"s{number:04}" for number in range(1900)]


def test_a_large_commit_is_whole_for_a_stream_and_a_list(visor: Service, follow: Follow) -> None:
    def register(snapshot: Snapshot, at: datetime) -> Changes:
        return Changes(puts={f"service/{name}": encode(Registered(**new(at), name=name)) for name in NAMES})

    stream = follow(visor)
    made = visor.inside(visor.context.store.transact(register, Origin("anna", "POST /apply")))
    after = visor.made("/services", {"name": "z"})["rev"]
    frames = stream.events(len(NAMES) + 1)
    assert [(frame.rev, frame.said["index"], frame.said["service"]) for frame in frames[:-1]] == [
        (made.rev, index, name) for index, name in enumerate(NAMES)
    ]
    assert frames[-1].rev == after
    resumed = follow(visor, last_event_id=f"{made.rev}-999")
    assert [frame.said["service"] for frame in resumed.events(901)] == [*NAMES[1000:], "z"]
    assert len(visor.get("/services?limit=1000").json()["items"]) == 1000
