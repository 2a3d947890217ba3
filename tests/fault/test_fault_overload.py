"""More requests at a time than the server may work on: each is answered, as it should be, and soon after all
is as before. What it costs in throughput `python -m tests.fault.overload` measures."""

import asyncio
from contextlib import closing

from tests.fault.conftest import Serve
from tests.fault.overload.crowd import Crowd
from tests.fault.overload.work import WORK, member
from tests.fault.visor_process import Serving

WIRES = 300


async def _overload(visor: Serving) -> Crowd:
    crowd = Crowd(visor.port, WORK["mixed"])
    with closing(crowd):
        await crowd.connect(WIRES)
        seen = await crowd.in_turn(1.5, WIRES)
        assert not seen.wrong, seen.wrong
        assert seen.refused, f"it was never too much: {seen.statuses}"
        assert seen.good, f"nothing was done: {seen.statuses}"
        assert set(seen.statuses) <= {200, 429, 503}
        # Who asks for what there is room for is served again, every time.
        calm = await crowd.in_turn(0.5, 8)
        assert calm.good
        assert set(calm.statuses) == {200}
        assert crowd.lost == 0, "a connection was cut"
    return crowd


def test_too_much_is_refused_politely_and_loses_nothing(serve: Serve) -> None:
    """Every answer is a success, or a problem with Retry-After; no acknowledged write is lost; and the
    service does not complain but in one line."""
    visor = serve(max_requests=40, max_writes=20, place_timeout=0.005)
    crowd = asyncio.run(_overload(visor))
    versions = {
        one["addr"]: int(one["version"]) for page in _pages(visor, "/members/pms?limit=1000") for one in page
    }
    for wire in crowd.wires:
        if wire.acknowledged_write >= 0:
            assert versions[member(wire.number)] >= wire.acknowledged_write
    assert max(wire.acknowledged_write for wire in crowd.wires) >= 0
    refused = [
        line
        for line in visor.get("/metrics").text.splitlines()
        if line.startswith("visor_http_requests_total")
    ]
    assert any('status="429"' in line for line in refused), "refusals are not counted"
    assert [line.partition(": ")[2][:30] for line in visor.said.splitlines()] in (
        ["more requests at a time than t"],
        ["more requests at a time than t"] * 2,
    )


def _pages(visor: Serving, path: str) -> list[list[dict[str, str]]]:
    pages, more = [], ""
    while True:
        page = visor.get(path + more).json()
        pages.append(page["items"])
        if page["next"] is None:
            return pages
        more = f"&cursor={page['next']}"
