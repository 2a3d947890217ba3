"""The loop of a process manager."""

import asyncio
import threading

import pytest

import visor_client
from tests.serving import Service, serving
from visor_client import AsyncClaim, AsyncVisor, Claim, Visor


def statuses(service: Service) -> list[tuple[int, str]]:
    with Visor(service.url) as visor:
        return [(each.id, each.status) for each in visor.list_instances()]


def test_each_ticket_is_run_and_its_end_is_said() -> None:
    """Returned is exited; raised is failed, or given back where it was not started."""
    with serving() as service, Visor(service.url) as visor:
        service.runnable()
        visor.set_scale("cat", "web", "128af9", 3)
        seen: list[int] = []

        def run(claim: Claim) -> None:
            seen.append(claim.instance.id)
            if claim.instance.id == 2 and len(claim.instance.claims) == 1:
                raise OSError("no room")
            claim.start("box7", 9000)
            if claim.instance.id == 3:
                raise ValueError("exit status 1")

        visor.claims("10.0.0.7", "cat", run, until=lambda: len(seen) == 4)
        assert seen == [1, 2, 2, 3]
        assert statuses(service) == [(1, "exited"), (2, "exited"), (3, "failed")]
        assert visor.get_instance(3).reason == "ValueError: exit status 1"
        assert visor.get_instance(2).claims[0].error == "OSError: no room"


def test_who_slept_through_the_loss_of_a_claim_does_not_speak_for_the_next_holder() -> None:
    with serving() as service, Visor(service.url) as visor:
        service.runnable()
        id = service.ticket()
        ran = []

        def run(claim: Claim) -> None:
            ran.append(claim)
            service.post(f"/instances/{id}/unclaim", {"host": "10.0.0.7"})
            visor.claim_instance(id, "10.0.0.7")  # the same host, and another claim
            assert claim.told_to_stop(wait=0)
            claim.start("box7", 9000)

        visor.claims("10.0.0.7", None, run, until=lambda: bool(ran))
        assert statuses(service) == [(id, "claimed")]
        with pytest.raises(visor_client.NotClaimer):
            ran[0].exit()


def test_a_process_is_told_to_stop_and_its_host_goes_on() -> None:
    with serving() as service, Visor(service.url) as visor:
        service.runnable()
        stopping, ended = threading.Event(), threading.Event()

        def run(claim: Claim) -> None:
            claim.start("box7", 9000)
            assert not claim.told_to_stop(wait=0)
            stopping.set()
            assert claim.told_to_stop(wait=30)
            claim.exit()
            ended.set()

        host = threading.Thread(
            target=visor.claims, args=("10.0.0.7", "cat", run), kwargs={"until": ended.is_set}
        )
        host.start()
        id = service.ticket()  # it waits for one by now, or takes it then
        assert stopping.wait(30)
        visor.stop_instance(id)
        host.join(30)
        assert statuses(service) == [(id, "exited")]


def test_many_at_a_time_with_asyncio() -> None:
    async def work(service: Service) -> None:
        async with AsyncVisor(service.url) as visor:
            ran: list[int] = []

            async def run(claim: AsyncClaim) -> None:
                await claim.start("box7", 9000 + claim.instance.id)
                ran.append(claim.instance.id)

            loops = [
                visor.claims(f"10.0.0.{n}", "cat", run, wait=1, until=lambda: len(ran) >= 20)
                for n in range(5)
            ]
            await asyncio.gather(*loops)
            assert sorted(ran) == list(range(1, 21))

    with serving() as service, Visor(service.url) as visor:
        service.runnable()
        visor.set_scale("cat", "web", "128af9", 20)
        asyncio.run(work(service))
        assert {status for _, status in statuses(service)} == {"exited"}
