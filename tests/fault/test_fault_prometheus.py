"""A real Prometheus with `deploy/prometheus.yml` follows what runs, and keeps it while Visor is killed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from tests.etcd.cluster import free_port, until
from tests.fault.conftest import Serve
from tests.fault.visor_process import Serving
from tests.serving import APP, ARCHIVE

PROMETHEUS = os.environ.get("VISOR_TEST_PROMETHEUS") or shutil.which("prometheus")
CONFIG = Path(__file__).parents[2] / "deploy" / "prometheus.yml"

if PROMETHEUS is None:
    pytest.skip(
        "what Prometheus makes of /discovery/prometheus is left out: it needs Prometheus "
        "(`apt-get install prometheus`, or VISOR_TEST_PROMETHEUS=/path/to/prometheus)",
        allow_module_level=True,
    )


class Prometheus:
    """One Prometheus that asks the service of the file each second."""

    def __init__(self, directory: Path, visor_port: int) -> None:
        self.port = free_port()
        self.log = directory / "prometheus.log"
        text = CONFIG.read_text()
        for there, here in (
            ("visor:8000", f"127.0.0.1:{visor_port}"),
            ("refresh_interval: 15s", "refresh_interval: 1s"),
        ):
            assert there in text, f"{CONFIG} has no {there!r}"
            text = text.replace(there, here)
        config = directory / "prometheus.yml"
        config.write_text(text)
        assert PROMETHEUS is not None
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    PROMETHEUS,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )

    def targets(self) -> dict[str, dict[str, str]]:
        """The labels of what it scrapes, by instance id; nothing while it starts."""
        try:
            answer = httpx2.get(f"http://127.0.0.1:{self.port}/api/v1/targets?state=active", timeout=60)
        except httpx2.HTTPError:
            return {}
        active = answer.json()["data"]["activeTargets"] if answer.status_code == 200 else []
        labels = [one["labels"] for one in active if one["labels"]["job"] == "instances"]
        return {one["visor_instance"]: one for one in labels}

    def failures(self) -> float:
        """How often it has asked Visor in vain."""
        text = httpx2.get(f"http://127.0.0.1:{self.port}/metrics", timeout=60).text
        name = "prometheus_sd_http_failures_total "
        return next(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))

    def close(self) -> None:
        self._process.kill()
        self._process.wait(60)


@pytest.fixture
def visor(serve: Serve) -> Serving:
    visor = serve()
    visor.made("/apps", {**APP, "name": "cat"})
    visor.made("/apps/cat/revisions", {"ref": "128af9", "archive_url": ARCHIVE})
    visor.made("/apps/cat/proctypes", {"name": "web"})
    return visor


@pytest.fixture
def prometheus(visor: Serving, tmp_path: Path) -> Iterator[Prometheus]:
    with closing(Prometheus(tmp_path, visor.port)) as prometheus:
        yield prometheus


def scale(visor: Serving, count: int) -> None:
    """Have so many run: a host that starts what is new, and ends what is to stop."""
    body = {"revision": "128af9", "count": count}
    host = {"host": "10.0.0.7"}
    scaled = visor.made("/apps/cat/proctypes/web/scale", body, method="PUT")
    for id in scaled["started"]:
        visor.made(f"/instances/{id}/claim", host)
        visor.made(f"/instances/{id}/start", {**host, "hostname": "127.0.0.1", "port": 20000 + id})
    for id in scaled["stopped"]:
        visor.made(f"/instances/{id}/exit", host)


def test_prometheus_follows_what_runs_and_keeps_it_while_visor_is_killed(
    visor: Serving, prometheus: Prometheus
) -> None:
    """Targets appear, follow a scale, the last one goes; a killed Visor keeps them, and one that is started
    again never gives fewer than run."""
    scale(visor, 3)
    until(lambda: set(prometheus.targets()) == {"1", "2", "3"}, "three are scraped")
    assert prometheus.targets()["2"] == {
        "job": "instances",
        "instance": "127.0.0.1:20002",
        "app": "cat",
        "proctype": "web",
        "revision": "128af9",
        "host": "10.0.0.7",
        "visor_instance": "2",
    }
    scale(visor, 5)
    until(lambda: len(prometheus.targets()) == 5, "all five are")
    visor.kill()
    asked = prometheus.failures()
    until(lambda: prometheus.failures() >= asked + 2, "Visor was asked in vain")
    assert len(prometheus.targets()) == 5
    visor.start()
    seen = [len(prometheus.targets())]
    scale(visor, 6)

    def six() -> bool:
        seen.append(len(prometheus.targets()))
        return seen[-1] == 6

    until(six, "all six are")
    assert min(seen) == 5
    scale(visor, 0)
    until(lambda: not prometheus.targets(), "the last one is gone")


def test_the_configuration_is_one_that_promtool_takes() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("deploy/prometheus.yml is not judged: there is no promtool")
    judged = subprocess.run(
        [promtool, "check", "config", CONFIG], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stderr
