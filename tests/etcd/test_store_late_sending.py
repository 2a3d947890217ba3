"""A write's time is that of its commit: one that could not be sent for a while takes a new one, or it would
land below a time whose rev was already given (`?at=`)."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.store.etcd import sending
from tests.etcd.cluster import Cluster
from tests.etcd.replicas import line, replicas, until_ok
from tests.serving import APP

OLD = 0.7
"""Seconds, in this test: 5 takes it too long."""


def test_a_write_that_waited_to_be_sent_has_the_time_at_which_it_was_sent(
    etcd: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rule is run again, so that what it tells of its time is the new one too."""
    monkeypatch.setattr(sending, "OLD", OLD)
    answers: list[Any] = []
    with (
        line(etcd) as cable,
        replicas([cable.endpoint], tmp_path.name, 1, commit_timeout=60) as (visor,),
    ):
        visor.made("/apps", APP)
        cable.down()
        thread = threading.Thread(target=lambda: answers.append(visor.put("/apps/cat/env/a", {"value": "b"})))
        thread.start()
        time.sleep(3 * OLD)
        back = datetime.now(UTC)
        cable.up()
        thread.join(60)
        assert answers[0].status_code == 200, answers[0].text
        commit = until_ok(lambda: visor.get(f"/commits/{answers[0].json()['rev']}")).json()
        made = datetime.fromisoformat(commit["at"])
        assert back - made < timedelta(seconds=OLD), "it was sent when the line was back"
        assert visor.get("/apps/cat").json()["updated_at"] == commit["at"]
