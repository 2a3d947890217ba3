"""What the metrics say of the store and the registry, as each store says it and for all workers together."""

import re
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from prometheus_client.parser import text_string_to_metric_families

from app import __version__
from app.http.figures import STORE
from tests.etcd.cluster import Cluster, free_port, until
from tests.serving import Service, serving


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(text, name, **labels):
    """The value of one series; None where there is none."""
    for family in families(text).values():
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def page(service: Service) -> str:
    return service.get("/metrics").text


def test_every_figure_of_the_store_says_what_it_means(visor):
    """A name that is not in the table would be published with an empty phrase."""
    names = set(visor.context.store.statistics())
    assert names <= STORE.keys()


def test_what_only_grows_is_a_counter_and_nothing_else_is(visor):
    """`rate()` of a gauge is wrong at each restart, and promtool complains of a gauge called `_total`."""
    text = page(visor)
    for name, family in families(text).items():
        kinds = [line for line in text.splitlines() if line.startswith("# TYPE") and "_total" in line]
        assert all(line.endswith(" counter") for line in kinds)
        if family.type == "counter":
            assert all(sample.name.endswith(("_total", "_created")) for sample in family.samples), name
    assert families(text)["visor_store_commits"].type == "counter"


def test_every_family_is_described_and_named_by_the_rules_of_prometheus(visor):
    for name, family in families(page(visor)).items():
        assert len(family.documentation) > 12, name
        assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", name)
        assert not name.endswith(("_milliseconds", "_ms", "_count", "_sum", "_bucket")), name


def test_commits_and_their_latency_are_counted(visor):
    before = page(visor)
    visor.runnable()
    text = page(visor)
    assert value(text, "visor_store_commits_total") - value(before, "visor_store_commits_total") == 3
    counted = "visor_store_commit_seconds_count"
    assert value(text, counted) - value(before, counted) == 3
    if visor.coordinator == "etcd":
        assert value(text, "visor_etcd_call_seconds_count", call="Txn") >= 3
    else:
        assert value(text, "visor_store_append_seconds_count") >= 1


def test_failed_calls_to_etcd_are_counted_by_kind(tmp_path):
    """An alert can tell an etcd that is away from one that refuses."""
    cluster = Cluster(tmp_path).start()
    try:
        with serving(store=f"etcd://{cluster.endpoints[0]}/visor", log_level="error") as service:
            cluster.members[0].kill()
            assert service.put("/apps/cat/env/a", {"value": "b"}).status_code == 503
            errors = families(page(service))["visor_etcd_errors"].samples
            failed = [one.labels for one in errors if one.name.endswith("_total") and one.value]
            assert failed
            assert all(labels["call"] and labels["error"] for labels in failed)
    finally:
        cluster.stop()


def test_instances_are_counted_by_status_and_the_oldest_ticket_has_an_age(visor):
    assert value(page(visor), "visor_oldest_pending_seconds") == 0
    visor.runnable()
    visor.scale(3)
    visor.post("/instances/claim", {"host": "10.0.0.7"})
    text = page(visor)
    assert value(text, "visor_instances", status="pending") == 2
    assert value(text, "visor_instances", status="claimed") == 1
    assert value(text, "visor_instances", status="failed") == 0
    assert value(text, "visor_oldest_pending_seconds") > 0


def test_the_history_in_use_and_the_version_are_shown(visor):
    before = value(page(visor), "visor_store_history_revs")
    visor.runnable()
    text = page(visor)
    assert value(text, "visor_store_history_revs") > before
    assert value(text, "visor_build_info", version=__version__) == 1


def test_streams_are_told_from_waiting_calls_and_events_have_a_lag(visor):
    """An operator sees whether it is dashboards or hosts that take the places of subscribers."""
    visor.runnable()
    with visor.client.stream("GET", "/events") as stream, ThreadPoolExecutor() as pool:
        chunks = stream.iter_raw()
        next(chunks)
        waiting = pool.submit(visor.post, "/instances/claim", {"host": "10.0.0.7", "wait": 60})
        until(lambda: value(page(visor), "visor_waiting_calls") == 1, "the call waits", 30)
        text = page(visor)
        assert (value(text, "visor_streams"), value(text, "visor_subscribers")) == (1, 2)
        visor.ticket()
        assert waiting.result(60).status_code == 200
    until(lambda: value(page(visor), "visor_streams") == 0, "the stream has ended", 30)
    assert value(page(visor), "visor_event_lag_seconds_count") > 0


def test_with_workers_a_page_is_of_all_of_them(etcd, tmp_path):
    """Whichever worker answers, no worker's requests, commits or gauges are left out."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    store = f"etcd://{etcd.endpoints[0]}{tmp_path}"
    command = ["-m", "app.cli", "serve", "--store", store, "--port", str(port), "--workers", "2"]
    parent = subprocess.Popen([sys.executable, *command, "--log-level", "error"])

    def ask(path):
        with urllib.request.urlopen(f"{url}{path}", timeout=60) as answer:
            return answer.read().decode()

    def answers():
        try:
            return bool(ask("/livez"))
        except OSError:
            return False

    try:
        until(answers, "the workers answer", 180)
        # Each connection is accepted by whichever worker is quicker: 200 of them are of both, or the page
        # of one alone would be all the same.
        for _ in range(200):
            ask("/rev")
        asked = {"method": "GET", "route": "/rev", "status": "200"}
        pages = [ask("/metrics") for _ in range(20)]
        assert {value(text, "visor_http_requests_total", **asked) for text in pages} == {200.0}
        until(lambda: value(ask("/metrics"), "visor_store_ready") == 1.0, "both are ready", 10)
        assert value(ask("/metrics"), "visor_build_info", version=__version__) == 1
    finally:
        parent.send_signal(signal.SIGTERM)
        parent.wait(30)
    assert parent.returncode == 0
