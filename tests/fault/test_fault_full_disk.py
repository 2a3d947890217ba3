"""No room: writes say so and change nothing, reads go on, and with room again all goes on by itself.

The room is the size that the kernel lets the process's files grow to, which takes no rights to set.
"""

import resource
import time

from tests.fault.conftest import Serve
from tests.fault.visor_process import Serving


def _room(visor: Serving, size: int) -> None:
    _, hard = resource.prlimit(visor.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(visor.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_full_disk_refuses_writes_and_nothing_else(serve: Serve) -> None:
    visor = serve()
    visor.made("/apps", {"name": "cat", "repo_url": "https://git.example.com/cat.git", "stack": "lenny"})
    wal = visor.store.with_name(visor.store.name + "-wal")
    _room(visor, wal.stat().st_size + 200_000)
    kept = 0
    while (answer := visor.client.put("/apps/cat/env/a", json={"value": str(kept)})).is_success:
        kept += 1
        assert kept < 100
    assert kept > 1
    problem = answer.json()
    assert answer.status_code == 507
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["type"]) == ("storage-full", "/problems/storage-full")
    assert str(visor.store.parent) not in answer.text, "how it is kept is nobody's business"

    full = visor.rev
    assert full == 1 + kept
    for method, path, body in [
        ("POST", "/services", {"name": "a"}),
        ("POST", "/apps/cat/revisions", {"ref": "r", "archive_url": "https://a.example.com/r"}),
        ("PATCH", "/apps/cat/env", {"a": "b"}),
        ("DELETE", "/apps/cat", None),
    ]:
        refused = visor.client.request(method, path, json=body)
        assert refused.status_code == 507, refused.text
        assert refused.headers["visor-rev"] == str(full)
    assert visor.rev == full, "a refused write has changed something"

    assert visor.get("/apps/cat").json()["env"] == {"a": str(kept - 1)}
    assert visor.get("/apps/cat?rev=1").json()["env"] == {}
    events = visor.get("/events?rev=0", headers={"Accept": "application/json"}).json()
    assert [event["rev"] for event in events["items"]] == list(range(1, full + 1))
    assert visor.get("/livez").status_code == 200
    ready = visor.get("/readyz")
    assert ready.status_code == 503
    assert "room" in ready.json()["detail"]

    said = [line for line in visor.said.splitlines() if "not ready" in line]
    assert len(said) == 1, "one line when it begins, however often a write is refused"
    assert "no room" in said[0]
    _room(visor, resource.RLIM_INFINITY)
    end = time.monotonic() + 20
    while visor.get("/readyz").status_code != 200:
        assert time.monotonic() < end, "it does not notice that there is room"
        time.sleep(0.02)
    assert visor.said.count("ready again") == 1, "and one when it ends"
    assert visor.made("/services", {"name": "a"})["rev"] == full + 1, "a rev was skipped or given twice"
    before = visor.get(f"/apps/cat?rev={full}").content
    visor.kill()
    visor.start()
    assert visor.rev == full + 1
    assert visor.get(f"/apps/cat?rev={full}").content == before
