"""Every code of the contract's table, provoked over HTTP, and a page for each (DESIGN section 3).

Not here, because nothing of this version can raise them: `unauthenticated` and `forbidden` (no call asks
for credentials yet). `internal-error` is a fault: it is provoked where the edge of the server is tested.
"""

import json
import re

import pytest

from app.errors import request_errors
from app.models import codec, key_terms, keys
from app.registry.ports import FIRST, LAST
from app.settings import Settings
from app.store.contract import Changes
from app.store.embedded.memory_log import NoLog
from app.store.embedded.store import EmbeddedStore
from app.store.records import Origin
from tests.http.every_route import CLAIM, WHY
from tests.http.expect import refused
from tests.serving import APP, Service, serving

TABLE = {
    400: {"rev-in-future", "time-in-future", "time-unsettled", "invalid-cursor", "malformed-request"},
    401: {"unauthenticated"},
    403: {"forbidden", "not-claimer", "foreign-origin"},
    404: {"not-found"},
    409: {
        *("already-exists", "already-claimed", "invalid-state", "in-use", "locked", "conflict"),
        *("no-keyring", "too-many-objects"),
    },
    410: {"rev-compacted"},
    412: {"rev-mismatch"},
    413: {"body-too-large"},
    415: {"unsupported-media-type"},
    421: {"unknown-host"},
    422: {"invalid-request", "idempotency-key-reused", "too-many-changes"},
    429: {"too-many-requests", "too-many-subscribers"},
    503: {"coordinator-unavailable"},
    507: {"storage-full"},
}
BESIDE = {
    405: {"method-not-allowed"},
    500: {"internal-error"},
    501: {"unsupported-transfer-coding"},
    503: TABLE[503] | {"resolver-unavailable", "draining"},
}
"""What HTTP asks for beside the table, and what is no fault of the coordinator (decision 55)."""


def test_the_codes_are_those_of_the_contract():
    codes: dict[int, set[str]] = {}
    for error in request_errors():
        codes.setdefault(error.status, set()).add(error.code)
    assert codes == {**TABLE, **BESIDE}


@pytest.mark.parametrize("code", [error.code for error in request_errors()])
def test_the_type_of_a_problem_is_a_page(full, code):
    page = full.get(f"/problems/{code}")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"<code>{code}</code>" in page.text
    assert f'href="problems/{code}"' in full.get("/problems").text


@pytest.mark.parametrize("code", ["nothing", "Not-Found", "not-found%0A", "%3Cscript%3E"])
def test_there_is_no_page_for_another_code(full, code):
    answer = full.get(f"/problems/{code}")
    refused(answer, 404, "not-found")
    assert "script" not in answer.text


def test_400(visor):
    refused(visor.get(f"/apps?rev={visor.nth(1)}"), 400, "rev-in-future", current_rev=visor.nth(0))
    refused(visor.get("/apps?cursor=x"), 400, "invalid-cursor")
    refused(visor.get("/apps/cat", headers={"If-None-Match": "1"}), 404, "not-found")
    refused(visor.delete("/apps/cat", headers={"If-Match": "1"}), 400, "malformed-request")


def test_403_and_404_and_409(visor):
    """The codes that tell states apart."""
    visor.runnable()
    visor.made("/apps/cat/revisions", {"ref": "proposed"})
    visor.ticket()
    made = {
        "already-exists": visor.post("/apps", APP),
        "invalid-state": visor.post("/apps/cat/revisions/128af9/ratify", {"archive_url": "http://a/b"}),
        "in-use": visor.delete("/apps/cat"),
    }
    visor.made("/instances/1/claim", CLAIM)
    made["already-claimed"] = visor.post("/instances/1/claim", {"host": "10.0.0.8"})
    visor.put("/instances/1/lock", WHY)
    made["locked"] = visor.put("/instances/1/lock", WHY)
    for code, answer in made.items():
        refused(answer, 409, code)
    refused(visor.post("/instances/1/exit", {"host": "10.0.0.8"}), 403, "not-claimer")
    missing = refused(visor.get("/apps/cat/revisions/nothing"), 404, "not-found", rev=visor.rev)
    assert "revision nothing of app cat" in missing["detail"], "it says which resource"


def test_409_conflict_where_no_port_is_left():
    """All ports are taken: the registry is told so through its own store, not by 57,536 requests."""
    with serving() as visor:
        visor.made("/apps", APP)
        web = visor.made("/apps/cat/proctypes", {"name": "web"})
        kept = visor.context.store.stale().get(keys.proctype("cat", "web")).value

        def taken(port: int) -> bytes:
            # Each says the name of its key: what says another is taken for another hand's, and not counted.
            said = {"app": "taken", "name": f"p{port}", "port": port}
            return codec.keep({**json.loads(kept), **said})

        for first in range(FIRST + 1, LAST + 1, 100):
            ports = range(first, min(first + 100, LAST + 1))
            transact(visor, Changes(puts={keys.proctype("taken", f"p{port}"): taken(port) for port in ports}))
        transact(visor, Changes(puts={keys.PORT_COUNTER: b"%d" % (LAST + 1)}))
        before = visor.rev
        refused(visor.post("/apps/cat/proctypes", {"name": "one"}), 409, "conflict")
        assert visor.rev == before
        visor.delete("/apps/cat/proctypes/web")
        assert visor.made("/apps/cat/proctypes", {"name": "one"})["port"] == web["port"]


def transact(visor: Service, changes: Changes) -> None:
    """Commit changes past the rules, in the service's own event loop."""
    visor.inside(visor.context.store.transact(lambda snapshot, at: changes, Origin("tests", "TEST")))


def test_410_and_412():
    with serving(history=1) as visor:
        visor.made("/apps", APP)
        for stack in ("2", "3"):
            visor.patch("/apps/cat", {"stack": stack})
        refused(visor.get("/apps/cat?rev=1"), 410, "rev-compacted", oldest_rev=2)
        refused(visor.delete("/apps/cat", headers={"If-Match": '"1"'}), 412, "rev-mismatch", current_rev=3)


def test_413_of_a_body_and_of_what_it_would_make(visor):
    """A body over the limit, and an app that many small changes would make too large."""
    answer = visor.post("/apps", content=b"x" * (2**20 + 1), headers={"Content-Type": "application/json"})
    refused(answer, 413, "body-too-large", limit=2**20)
    visor.made("/apps", APP)
    for number in range(15):
        assert visor.put(f"/apps/cat/env/k{number}", {"value": "x" * 65536}).status_code == 200
    before = visor.rev
    refused(visor.put("/apps/cat/env/k15", {"value": "x" * 65536}), 413, "body-too-large", limit=2**20)
    assert visor.rev == before
    assert "k15" not in visor.get("/apps/cat/env").json()["vars"]


def test_415_and_422(visor):
    refused(visor.post("/apps", content=b"{}"), 415, "unsupported-media-type")
    said = refused(visor.post("/apps", {}), 422, "invalid-request")
    assert said["errors"]
    key = {"Idempotency-Key": "a"}
    visor.post("/apps", APP, headers=key)
    refused(visor.post("/apps", {**APP, "name": "dog"}, headers=key), 422, "idempotency-key-reused")


def test_429():
    """No place for a subscriber, and, while another request is being worked on, none for a request."""
    with serving(max_subscribers=0, max_requests=1) as visor:
        visor.runnable()
        for answer in (
            visor.get("/events"),
            visor.post("/instances/claim", {**CLAIM, "wait": 1}),
        ):
            refused(answer, 429, "too-many-subscribers")
            assert int(answer.headers["Retry-After"]) >= 1
        visor.context.capacity.requests += 1
        answer = visor.get("/apps")
        visor.context.capacity.requests -= 1
        refused(answer, 429, "too-many-requests")
        assert int(answer.headers["Retry-After"]) >= 1
        assert visor.get("/apps").status_code == 200


def test_503_while_the_store_closes():
    store = EmbeddedStore(NoLog(), key_terms.index, history=100, memory_revs=100)
    visor = Service(Settings(store="memory:", log_level="warning"), store)
    try:
        visor.made("/apps", APP)
        visor.inside(store.close())
        answer = visor.patch("/apps/cat", {"stack": "x"})
        said = refused(answer, 503, "coordinator-unavailable")
        assert "outcome" not in said, "it is certain that nothing was written"
        assert int(answer.headers["Retry-After"]) >= 1
        assert visor.get("/apps/cat").json()["stack"] == APP["stack"]
    finally:
        visor.stop()


def test_507_while_the_store_has_no_room(tmp_path):
    """SQLite is told that the file may not grow: what it says then is what a full disk makes it say."""
    with serving(store=f"sqlite:///{tmp_path}/visor.db") as visor:
        visor.made("/apps", APP)
        connection = visor.context.store._log._connection
        roomy = connection.pragma("max_page_count")
        connection.pragma("max_page_count", 1)
        for _ in range(2):
            refused(visor.put("/apps/cat/env/a", {"value": "x" * 60000}), 507, "storage-full")
        refused(visor.get("/readyz"), 503, "coordinator-unavailable")
        assert visor.get("/apps/cat").json()["env"] == {}
        assert visor.rev == 1
        connection.pragma("max_page_count", roomy)
        assert visor.put("/apps/cat/env/a", {"value": "x" * 60000}).json()["rev"] == 2
        assert visor.get("/readyz").status_code == 200


def test_titles_do_not_differ_between_versions_of_python(full):
    """A code has one title, whatever the refusal."""
    said = refused(full.get("/apps/dog"), 404, "not-found")
    assert said["title"] == refused(full.get("/nothing"), 404, "not-found")["title"]
    assert re.fullmatch(r"[A-Z].*[a-z]", said["title"])
