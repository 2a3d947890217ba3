"""/rev, /schema, /livez, /readyz, /metrics, /openapi.json and /docs (DESIGN section 4)."""

import re
from datetime import UTC, datetime, timedelta

from app.models.revs import SCHEMA_VERSION
from tests.http.expect import refused
from tests.serving import APP, serving


def test_a_fresh_registry_is_at_rev_0(embedded_visor):
    """On etcd the revs are those of all who use it."""
    assert embedded_visor.get("/rev").json() == {"rev": 0, "oldest_rev": 0, "at": None}


def test_a_fresh_registry_is_empty_and_nothing_is_compacted(visor):
    said = visor.get("/rev").json()
    assert (said["rev"], said["oldest_rev"]) == (visor.nth(0), 0)
    assert visor.get("/apps").json() == {"rev": visor.nth(0), "items": [], "next": None}
    assert visor.get("/apps").headers["Visor-Rev"] == str(visor.nth(0))


def test_the_rev_and_when_it_was(visor):
    before = datetime.now(UTC) - timedelta(seconds=1)
    made = visor.made("/apps", APP)
    said = visor.get("/rev").json()
    assert said == {"rev": visor.nth(1), "oldest_rev": 0, "at": made["created_at"]}
    assert before < datetime.fromisoformat(said["at"]) < datetime.now(UTC) + timedelta(seconds=1)
    second = visor.patch("/apps/cat", {"stack": "x"}).json()
    assert visor.get(f"/rev?rev={visor.nth(1)}").json()["at"] == made["created_at"]
    assert visor.get(f"/rev?rev={visor.nth(2)}").json()["at"] == second["updated_at"]


def test_times_never_go_back(visor):
    times = [visor.made("/services", {"name": f"s{n}"})["created_at"] for n in range(20)]
    assert times == sorted(times)


def test_the_schema(visor):
    assert visor.get("/schema").json() == {"version": SCHEMA_VERSION}
    visor.made("/apps", APP)
    assert visor.get("/schema?rev=1").json() == {"version": SCHEMA_VERSION}


def test_health(visor):
    for path in ("/livez", "/readyz"):
        answer = visor.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["Cache-Control"] == "no-store"


def test_health_and_metrics_need_no_place():
    """They are asked most when the server is full."""
    with serving(max_requests=1) as visor:
        visor.context.capacity.requests += 1
        refused(visor.get("/apps"), 429, "too-many-requests")
        for path in ("/livez", "/readyz", "/metrics"):
            assert visor.get(path).status_code == 200
        visor.context.capacity.requests -= 1


def test_metrics_tell_routes_and_not_names(visor):
    visor.made("/apps", APP)
    visor.get("/apps/cat")
    visor.get("/apps/no-such-app-as-this")
    visor.get("/no-such-path")
    page = visor.get("/metrics")
    assert page.headers["Content-Type"].startswith("text/plain")
    assert 'visor_http_requests_total{method="GET",route="/apps/{app}",status="200"} 1.0' in page.text
    assert 'visor_http_requests_total{method="GET",route="/apps/{app}",status="404"} 1.0' in page.text
    assert 'visor_http_requests_total{method="POST",route="/apps",status="201"} 1.0' in page.text
    assert 'route="other",status="404"' in page.text
    [rev] = re.findall(r"^visor_store_rev (\S+)$", page.text, re.MULTILINE)
    assert float(rev) == visor.nth(1)
    assert "visor_subscribers 0.0" in page.text
    assert "no-such" not in page.text
    assert "cat" not in page.text.replace("application", "")


def test_metrics_as_openmetrics(full):
    page = full.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert page.headers["Content-Type"].startswith("application/openmetrics-text")
    assert page.text.endswith("# EOF\n")


def test_the_schema_of_the_api_and_its_page(full):
    said = full.get("/openapi.json")
    assert said.headers["Content-Type"] == "application/json"
    assert said.json()["openapi"] == "3.1.0"
    assert "/apps/{app}" in said.json()["paths"]
    assert "text/html" in full.get("/docs").headers["Content-Type"]


def test_the_root_leads_somewhere(visor):
    """A browser to the documentation, everything else to where the rest is."""
    for accept in ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html;q=0.9, application/json;q=0.5"):
        answer = visor.get("/", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Location"]) == (307, "/ui")
    for accept in ("*/*", "application/json", ""):
        links = visor.get("/", headers={"Accept": accept}).json()["links"]
        assert links["apps"] == "/apps"
        for path in links.values():
            with visor.client.stream("GET", path) as answer:
                assert answer.status_code == 200, path
    assert visor.client.options("/").headers["Allow"] == "GET, HEAD"
    refused(visor.post("/"), 405, "method-not-allowed")
