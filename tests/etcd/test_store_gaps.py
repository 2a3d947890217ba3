"""Other people's writes to the same etcd make revs that are not ours: nothing waits or spins for them."""

import subprocess
from pathlib import Path

import pytest

from tests.etcd.cluster import Cluster
from tests.serving import serving


def _others_write(etcd: Cluster, count: int) -> None:
    for n in range(count):
        etcd.ctl("put", f"/others/{n}", "x")


def test_a_list_of_events_goes_past_revs_that_are_not_ours(
    etcd: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long poll from before a stretch of such revs waits its time without asking the store again and
    again, and says that it has looked past them."""
    prefix = f"{tmp_path.parent.name}-{tmp_path.name}"
    with serving(store=f"etcd://{etcd.endpoints[0]}/{prefix}") as writer:
        made = writer.made("/services", {"name": "a"})["rev"]
    try:
        _others_write(etcd, 5)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise AssertionError("etcdctl comes with etcd") from error
    # Started afresh: what it holds begins after those revs.
    with serving(store=f"etcd://{etcd.endpoints[0]}/{prefix}") as visor:
        store = visor.context.store
        asked = []
        commits = store.commits

        async def counted(after: int, limit: int):
            asked.append(after)
            return await commits(after, limit)

        monkeypatch.setattr(store, "commits", counted)
        # It exists, so it can be read: the registry at that rev is the one at the last of ours.
        assert visor.get(f"/services?rev={made + 5}").json()["items"][0]["rev"] == made
        page = visor.get(f"/events?rev={made}&wait=1", headers={"Accept": "application/json"}).json()
        assert page["items"] == []
        assert int(page["next"]) == visor.rev
        assert len(asked) < 10, "it asked the store without end"

        with visor.client.stream("GET", f"/events?rev={made}") as stream:
            parts = stream.iter_text()
            assert next(parts).startswith("retry")
            before = len(asked)
            visor.made("/services", {"name": "b"})
            assert "service-register" in next(parts)
            assert len(asked) - before < 10
