"""Many subscribers: their service restarts, or some of them freeze.

`VISOR_TEST_SUBSCRIBERS` says how many restart with their service (300; the long form: 1000).
"""

import asyncio
import os
import resource
import signal
from pathlib import Path

import httpx2
import pytest

from tests.fault.conftest import Serve
from tests.fault.many_readers import Subscriber, connected, told
from tests.fault.visor_process import Serving

RESTARTED = int(os.environ.get("VISOR_TEST_SUBSCRIBERS", "300"))
READERS, FROZEN = 200, 50
BIG = "x" * 60_000
MIB = 1024 * 1024


@pytest.fixture(autouse=True, scope="module")
def _many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))


async def _write(visor: Serving, count: int, value: str = "") -> int:
    """So many commits of one event each; the last rev."""
    rev = 0
    async with httpx2.AsyncClient(base_url=visor.url, timeout=30, verify=False) as client:
        for number in range(count):
            answer = await client.put("/members/pms/10.0.0.1", json={"version": f"{number}-{visor.pid}"})
            assert answer.status_code == 200, answer.text
            rev = answer.json()["rev"]
    return rev


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_are_back_after_a_restart_with_nothing_missed_and_nothing_twice(
    serve: Serve, number: signal.Signals
) -> None:
    """Each by its Last-Event-ID, within 30 s of the restart, under writes before, between and after."""
    visor = serve()

    async def run() -> float:
        await _write(visor, 3)
        subscribers = [Subscriber(visor.port, 1) for _ in range(RESTARTED)]
        for one in subscribers:
            one.start()
        await connected(subscribers)
        rev = await _write(visor, 10)
        # Some have been told all of it and others not: they are cut wherever they are.
        await told(subscribers[: RESTARTED // 2], rev)
        writing = asyncio.create_task(_until_cut(visor))
        await asyncio.sleep(0.05)
        visor.signal(number)
        await asyncio.to_thread(visor.wait)
        await writing
        await asyncio.to_thread(visor.start)
        await _write(visor, 5)
        await connected(subscribers, 2, 30)
        last = await _write(visor, 5)
        took = await told(subscribers, last, 30)
        for one in subscribers:
            await one.stop()
            assert one.revs == list(range(2, last + 1)), "an event was missed, or came twice"
            assert not one.refused, one.refused
        return took

    asyncio.run(run())
    assert visor.said == ""


async def _until_cut(visor: Serving) -> None:
    async with httpx2.AsyncClient(base_url=visor.url, timeout=30, verify=False) as client:
        number = 0
        while True:
            number += 1
            try:
                answer = await client.put("/members/pms/10.0.0.1", json={"version": f"cut-{number}"})
            except httpx2.TransportError:
                return
            if answer.status_code == 503:
                return
            assert answer.status_code == 200, answer.text


def test_frozen_subscribers_are_let_go_and_cost_the_others_nothing(serve: Serve) -> None:
    """50 of 200 read nothing: all 50 are cut off, the others are told everything, and the memory that it
    takes is bounded by what a connection may hold."""
    visor = serve(send_timeout=1)
    visor.made("/apps", {"name": "cat", "repo_url": "https://git.example.com/cat.git", "stack": "lenny"})

    async def run() -> int:
        # Most are told the small events only, which come between the large ones: they must not be late, and
        # to read 150 times 10 MB would test the client.
        live = [
            Subscriber(visor.port, 1, types="*" if number < 10 else "member-*")
            for number in range(READERS - FROZEN)
        ]
        frozen = [Subscriber(visor.port, 1, freezes=True) for _ in range(FROZEN)]
        for one in [*live, *frozen]:
            one.start()
        await connected([*live, *frozen])
        before, most, small, rev = _resident(visor), 0, [], 1
        async with httpx2.AsyncClient(base_url=visor.url, timeout=30, verify=False) as client:
            # As much as fills the kernel's buffers of a connection several times over.
            for number in range(160):
                answer = await client.put("/apps/cat/env/big", json={"value": f"{number} {BIG}"})
                assert answer.status_code == 200, answer.text
                if number % 10 == 9:
                    answer = await client.put("/members/pms/10.0.0.1", json={"version": f"{number}"})
                    small.append(answer.json()["rev"])
                    await told(live, small[-1])
                rev = answer.json()["rev"]
                most = max(most, _resident(visor))
            # The service says so, not the client's kernel: nobody can tell a client that reads nothing.
            said = f"visor_streams {len(live)}.0"
            async with asyncio.timeout(60):
                while said not in (await client.get("/metrics")).text.splitlines():  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        async with asyncio.timeout(60):
            for one in frozen:
                one.thaws.set()
                assert one.task is not None
                await one.task
                assert one.ended, "it waits for what does not come any more"
        for number, one in enumerate(live):
            await one.stop()
            assert one.connected == 1, "one that reads was cut off"
            assert one.revs == (list(range(2, rev + 1)) if number < 10 else small)
        return most - before

    # What 160 commits of 60 kB are in the history is not the subscribers' doing.
    assert asyncio.run(run()) - 160 * 3 * len(BIG) < 50 * MIB
    assert visor.get("/readyz").status_code == 200
    assert "Traceback" not in visor.said


def _resident(visor: Serving) -> int:
    """Bytes of memory that the process has."""
    for line in Path(f"/proc/{visor.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process has no memory")
