"""The calls of an instance's life over HTTP, as the table names them."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx2

from tests.http.life.life_table import BODIES, WAYS
from tests.serving import Service


def say(visor: Service, call: str, id: int, **fields: Any) -> httpx2.Response:
    """One call, with the table's body and these fields."""
    body = {**(BODIES[call] or {}), **fields}
    if call == "lock":
        return visor.put(f"/instances/{id}/lock", body)
    if call == "unlock":
        return visor.delete(f"/instances/{id}/lock")
    if call == "unregister":
        return visor.delete(f"/instances/{id}", params=body)
    return visor.post(f"/instances/{id}/{call}", body or None)


def done(visor: Service, call: str, id: int, **fields: Any) -> Any:
    """The body of the answer to a call that has to succeed."""
    answer = say(visor, call, id, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ticket_in(visor: Service, state: str) -> int:
    """A new ticket, brought into a state of the table."""
    id = visor.ticket()
    for call in WAYS[state]:
        done(visor, call, id)
    return id


def events_after(visor: Service, rev: int, **wanted: Any) -> list[Any]:
    """All events after a rev, as the history has them."""
    found: list[Any] = []
    headers = {"Accept": "application/json"}
    page = visor.get("/events", params={"rev": rev, "limit": 1000, **wanted}, headers=headers).json()
    while page["items"]:
        found += page["items"]
        headers["Last-Event-ID"] = page["next"]
        page = visor.get("/events", params={"limit": 1000, **wanted}, headers=headers).json()
    return found


def everything(visor: Service, path: str, **params: Any) -> list[Any]:
    """All items of a list, page by page."""
    found: list[Any] = []
    while True:
        answer = visor.get(path, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


def together(*works: Callable[[], Any]) -> list[Any]:
    """What all of them give, begun at the same moment, each in a thread of its own."""
    barrier = threading.Barrier(len(works))
    results: list[Any] = [None] * len(works)

    def run(at: int) -> None:
        barrier.wait()
        try:
            results[at] = works[at]()
        except BaseException as error:
            results[at] = error

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What the condition gives, as soon as it is true of it; fail where it never is."""
    end = time.monotonic() + seconds
    while not (given := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)
    return given


def ids(items: Sequence[Any]) -> list[int]:
    return [item["id"] for item in items]
