"""Hosts: each speaks as one of its own addresses, and after the claim only by that claim."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.access.holders import closed_service, give, grant
from tests.http.expect import refused
from tests.serving import Service

BOX7, BOX8 = "10.0.0.7", "10.0.0.8"
FENCED: dict[str, dict[str, Any]] = {
    "start": {"hostname": "box7", "port": 8000},
    "restart": {"reason": "fail"},
    "exit": {},
    "fail": {"reason": "it fell"},
    "unclaim": {},
    "env": {},
}
"""What a host calls about its claim, and what it says there beside `host` and `claim_rev`."""


def by(call: str, host: str) -> dict[str, Any]:
    """The body of a call by a host. One that counts a restart is known by its claim alone."""
    return {**FENCED[call], **({} if call == "restart" else {"host": host})}


@pytest.fixture(scope="module")
def closed() -> Iterator[Service]:
    with closed_service() as service:
        service.runnable()
        yield service


def test_a_host_claims_as_itself_alone(closed: Service) -> None:
    box7, id = give(closed, grant("host", hosts=[BOX7])), closed.ticket()
    for path in (f"/instances/{id}/claim", "/instances/claim"):
        refused(box7.ask("POST", path, {"host": BOX8}), 403, "forbidden")
    assert closed.get(f"/instances/{id}").json()["status"] == "pending"
    assert box7.ask("POST", f"/instances/{id}/claim", {"host": BOX7}).status_code == 200


@pytest.mark.parametrize("call", FENCED)
def test_a_host_that_lost_its_claim_cannot_speak_for_the_next(closed: Service, call: str) -> None:
    """Not without naming the claim, not by the one that it had, and not as the host that has it now."""
    box7, box8 = (give(closed, grant("host", hosts=[host])) for host in (BOX7, BOX8))
    id = closed.ticket()
    lost = box7.ask("POST", f"/instances/{id}/claim", {"host": BOX7}).json()["claim_rev"]
    given = {"host": BOX7, "claim_rev": lost}
    assert box7.ask("POST", f"/instances/{id}/unclaim", given).status_code == 200
    for holder, host in ((box7, BOX7), (box8, BOX8)):
        has = holder.ask("POST", f"/instances/{id}/claim", {"host": host}).json()["claim_rev"]
        path, said = f"/instances/{id}/{call}", by(call, host)
        answer = holder.ask("POST", path, said)
        assert "claim_rev" in refused(answer, 422, "invalid-request")["detail"]
        refused(holder.ask("POST", path, {**said, "claim_rev": lost}), 403, "not-claimer")
        assert closed.get(f"/instances/{id}").json()["status"] == "claimed"
        holder.ask("POST", f"/instances/{id}/unclaim", {"host": host, "claim_rev": has})
    has = box8.ask("POST", f"/instances/{id}/claim", {"host": BOX8}).json()["claim_rev"]
    answer = box7.ask("POST", f"/instances/{id}/{call}", {**by(call, BOX8), "claim_rev": has})
    assert answer.status_code in (403, 404), answer.text
    assert closed.get(f"/instances/{id}").json()["status"] == "claimed"
