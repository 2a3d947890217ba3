"""Writers at once: one creates, and nothing that was acknowledged is lost (DESIGN section 7, 2)."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx2
import pytest

from tests.http.expect import refused
from tests.serving import APP, Service


def commits_since(visor: Service, rev: int) -> int:
    page = visor.get(f"/events?rev={rev}&limit=1000", headers={"Accept": "application/json"}).json()
    return len({event["rev"] for event in page["items"]})


def at_once(visor: Service, count: int, call: Callable[[httpx2.Client, int], httpx2.Response]) -> list:
    """What `count` clients, each on a connection of its own, get for a call that they make together."""
    barrier = Barrier(count)

    def one(number: int) -> httpx2.Response:
        barrier.wait(30)
        return call(visor.client, number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_16_who_create_the_same_app_one_gets_201(visor):
    answers = at_once(visor, 16, lambda client, n: client.post("/apps", json={**APP, "stack": f"s{n}"}))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 15}
    [won] = [answer for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer is not won:
            refused(answer, 409, "already-exists")
    assert visor.get("/apps/cat").json() == won.json()
    assert visor.rev == visor.nth(1)


def test_racing_proctypes_get_ports_of_their_own(visor):
    for app in ("a", "b"):
        visor.made("/apps", {**APP, "name": app})

    def register(client: httpx2.Client, n: int) -> httpx2.Response:
        return client.post(f"/apps/{'ab'[n % 2]}/proctypes", json={"name": f"p{n}"})

    answers = at_once(visor, 16, register)
    assert sorted(answer.json()["port"] for answer in answers) == list(range(8000, 8016))
    revs = {answer.json()["rev"] for answer in answers}
    assert len(revs) == 16
    assert visor.nth(2) < min(revs) <= max(revs) == visor.rev <= visor.nth(18)


def test_8_clients_that_count_through_if_match_lose_nothing(visor):
    """Read, add one, write if nobody else has: 8 clients, 10 times each, make 80."""
    visor.made("/apps", {**APP, "env": {"count": "0"}})

    def count(client: httpx2.Client, n: int) -> httpx2.Response:
        done = 0
        while done < 10:
            read = client.get("/apps/cat/env/count")
            wrote = client.put(
                "/apps/cat/env/count",
                json={"value": str(int(read.json()["value"]) + 1)},
                headers={"If-Match": read.headers["ETag"]},
            )
            if wrote.status_code == 200:
                done += 1
            else:
                refused(wrote, 412, "rev-mismatch")
        return wrote

    at_once(visor, 8, count)
    assert visor.get("/apps/cat/env/count").json()["value"] == "80"
    assert commits_since(visor, visor.nth(1)) == 80, "a write that was refused made no commit"


def test_racing_changes_of_different_variables_all_stay(visor):
    """The variables are one resource: a change made on an older state must not undo another's."""
    visor.made("/apps", APP)

    def change(client: httpx2.Client, n: int) -> httpx2.Response:
        for turn in range(5):
            answer = client.put(f"/apps/cat/env/k{n}-{turn}", json={"value": "x"})
            assert answer.status_code == 200
        return answer

    at_once(visor, 8, change)
    assert len(visor.get("/apps/cat/env").json()["vars"]) == 40
    assert commits_since(visor, visor.nth(1)) == 40


@pytest.mark.parametrize("order", [0, 1])
def test_a_head_and_the_purge_of_its_revision_never_both_succeed(visor, order):
    """Each is judged on what the other has done, whichever comes first."""
    visor.made("/apps", APP)
    for turn in range(8):
        ref = f"r{turn}"
        visor.made("/apps/cat/revisions", {"ref": ref})

        def one(client: httpx2.Client, n: int, ref: str = ref) -> httpx2.Response:
            if n == order:
                return client.patch("/apps/cat", json={"head": ref})
            return client.delete(f"/apps/cat/revisions/{ref}")

        answers = at_once(visor, 2, one)
        assert sorted(answer.is_success for answer in answers) == [False, True]
        head = visor.get("/apps/cat").json()["head"]
        assert head is None or visor.get(f"/apps/cat/revisions/{head}").status_code == 200
        visor.patch("/apps/cat", {"head": None})
