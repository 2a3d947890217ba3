"""A replica is cut off from the others with the leader on its side: no old state passes as fresh."""

import os
import shutil
from pathlib import Path

import pytest

from tests.etcd.cluster import until
from tests.etcd.namespaces import Replica, leader, machines, start_etcd
from tests.etcd.replicas import BOUNDED, is_away, timed, until_ok
from tests.serving import APP
from tests.sse.sse_reader import SseStream

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="network namespaces need root and iproute2"
)

VARIABLE = "/apps/cat/env/n"
VALUES = 3


def test_the_old_leaders_side_never_shows_old_state_as_new(tmp_path: Path) -> None:
    """The cut-off leader thinks for a while that it leads. What it knows is old as soon as the majority
    has chosen another and gone on."""
    with machines(3) as trio:
        start_etcd(trio, tmp_path)
        lonely = leader(trio)
        assert lonely is not None
        others = [machine for machine in trio if machine is not lonely]
        # It knows the leader alone, so that it is that member's word it goes by.
        cut_off = Replica(lonely, [lonely.endpoint], tmp_path / "cut-off.log")
        majority = Replica(others[0], [one.endpoint for one in others], tmp_path / "majority.log")
        for replica in (cut_off, majority):
            until(replica.ready, "a replica is ready")
        assert cut_off.client.post("/apps", json={**APP, "env": {"n": "0"}}).status_code == 201
        before = int(majority.client.get(VARIABLE).headers["Visor-Rev"])
        with SseStream(cut_off.port, "/events", rev=before) as stream:
            lonely.unplug()
            fresh = 0
            for value in range(1, VALUES + 1):
                # A default read of the cut-off side, before and after the other side has gone on.
                answer, took = timed(lambda: cut_off.client.get(VARIABLE))
                assert took < BOUNDED
                if answer.status_code == 200:
                    assert fresh == 0, f"{answer.json()} passed as fresh after {fresh} was acknowledged"
                else:
                    is_away(answer)
                until_ok(lambda v=value: majority.client.put(VARIABLE, json={"value": str(v)}))
                fresh = value
            is_away(cut_off.client.get(VARIABLE))
            write = cut_off.client.put(VARIABLE, json={"value": "lonely"})
            is_away(write)
            unknown = write.json().get("outcome") == "unknown"
            assert cut_off.client.get("/readyz").status_code == 503
            stale = cut_off.client.get(VARIABLE, params={"consistency": "stale"})
            assert stale.json()["value"] == "0", "what it holds, when asked for that"
            assert cut_off.client.get(VARIABLE, params={"rev": before}).json()["value"] == "0"
            lonely.plug()
            healed = until_ok(lambda: cut_off.client.get(VARIABLE))
            told: list[str] = []
            while told[-1:] != [healed.json()["value"]]:
                told += [frame.said["object"]["env"]["n"] for frame in stream.events(1)]
            # Of the lonely write nobody was told that it failed.
            assert [n for n in told if n != "lonely" or not unknown] == [str(n) for n in range(1, VALUES + 1)]
        after = int(healed.headers["Visor-Rev"])
        for rev in (before, after):
            pages = [replica.client.get(VARIABLE, params={"rev": rev}) for replica in (cut_off, majority)]
            assert pages[0].content == pages[1].content
        for replica in (cut_off, majority):
            replica.client.close()
