"""`deploy/grafana-dashboard.json` asks for metrics that there are."""

import json
import re
from pathlib import Path

from tests.serving import Service

DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy" / "grafana-dashboard.json").read_text())
ON_ETCD = {"visor_etcd_call_seconds_bucket", "visor_etcd_errors_total"}
"""What a service on etcd alone says."""


def test_each_metric_of_the_dashboard_is_one_that_the_service_gives(full: Service) -> None:
    full.get("/apps")  # so that requests were counted
    given = {re.split(r"[{ ]", line)[0] for line in full.get("/metrics").text.splitlines() if line[0] != "#"}
    asked = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:visor|process)_[a-z_]+", target["expr"])
    }
    assert len(asked) > 15
    assert asked - given == ON_ETCD


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
