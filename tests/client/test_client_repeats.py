"""What the client does where no answer comes, or one that says *later*."""

import threading
from collections.abc import Iterator

import pytest

import visor_client
from tests.client.lossy_proxy import LossyProxy, refusal
from tests.serving import Service, serving
from visor_client import Visor

BUSY = refusal(
    "503 Service Unavailable",
    "Retry-After: 0",
    body='{"code":"coordinator-unavailable","detail":"Away.","status":503}',
    type="application/problem+json",
)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as service:
        service.runnable()
        yield service


@pytest.fixture
def proxy(service: Service) -> Iterator[LossyProxy]:
    proxy = LossyProxy(service.port)
    yield proxy
    proxy.close()


@pytest.fixture
def visor(proxy: LossyProxy) -> Iterator[Visor]:
    with Visor(proxy.url, retry_for=20) as visor:
        yield visor


def test_a_read_is_repeated_until_it_is_answered(visor: Visor, proxy: LossyProxy) -> None:
    proxy.lose = 2
    assert visor.get_app("cat").name == "cat"
    assert proxy.asked == 3


def test_a_post_whose_answer_was_lost_is_done_once(visor: Visor, proxy: LossyProxy) -> None:
    """All its tries have the same Idempotency-Key."""
    proxy.lose = 2
    ticket = visor.register_instance("cat", "128af9", "web")
    assert proxy.asked == 3
    assert [each.id for each in visor.list_instances()][-1] == ticket.id
    assert len(list(visor.list_instances())) == 1


def test_a_claim_whose_answer_was_lost_is_the_same_claim(visor: Visor, proxy: LossyProxy) -> None:
    for _ in range(3):
        visor.register_instance("cat", "128af9", "web")
    proxy.lose = 1
    claimed = visor.claim_next("10.0.0.7")
    assert claimed is not None
    assert [each.id for each in visor.list_instances(host=["10.0.0.7"])] == [claimed.id]


def test_a_write_with_neither_key_nor_condition_is_not_repeated(visor: Visor, proxy: LossyProxy) -> None:
    """It might undo what another has done since; that it may have happened is said."""
    proxy.lose = 1
    with pytest.raises(visor_client.Unreachable) as lost:
        visor.set_env_var("cat", "colour", "red")
    assert lost.value.outcome == "unknown"
    assert proxy.asked == 1
    assert visor.get_env_var("cat", "colour").value == "red"


def test_a_conditional_write_is_repeated_and_says_that_an_earlier_try_may_have_been_done(
    visor: Visor, proxy: LossyProxy
) -> None:
    seen = visor.get_app("cat")
    proxy.lose = 1
    with pytest.raises(visor_client.RevMismatch) as echo:
        visor.set_env_var("cat", "colour", "blue", if_rev=seen.rev)
    assert echo.value.repeated
    assert visor.get_env_var("cat", "colour").value == "blue"
    with pytest.raises(visor_client.RevMismatch) as other:
        visor.set_env_var("cat", "colour", "green", if_rev=seen.rev)
    assert not other.value.repeated


def test_a_refusal_that_asks_for_patience_is_obeyed(visor: Visor, proxy: LossyProxy) -> None:
    """Also of a write: it was not done."""
    proxy.refusals = [BUSY, refusal("429 Too Many Requests", "Retry-After: 1"), BUSY]
    assert visor.set_env_var("cat", "colour", "white", if_rev="*").value == "white"
    assert proxy.asked == 4


def test_a_proxy_that_answers_for_the_service_is_named(visor: Visor, proxy: LossyProxy) -> None:
    proxy.refusals = [refusal("404 Not Found")]
    with pytest.raises(visor_client.Problem, match="is it a proxy") as said:
        visor.get_app("cat")
    assert (said.value.status, said.value.code) == (404, "no-problem")


def test_a_pause_that_is_longer_than_the_client_tries_is_not_begun(proxy: LossyProxy) -> None:
    proxy.refusals = [refusal("503 Service Unavailable", "Retry-After: 600")] * 2
    with Visor(proxy.url, retry_for=5) as visor, pytest.raises(visor_client.Problem):
        visor.get_app("cat")
    assert proxy.asked == 1


def test_a_time_out_is_longer_than_the_wait_that_was_asked_for(service: Service) -> None:
    with Visor(service.url, timeout=0.5, retry_for=0) as visor:
        while visor.claim_next("10.0.0.9"):
            pass
        assert visor.claim_next("10.0.0.9", wait=2) is None
        assert visor.list_events(visor.get_rev().rev, wait=2)[0] == []


def test_an_update_whose_answer_was_lost_is_not_made_twice(visor: Visor, proxy: LossyProxy) -> None:
    """The echo of its own success is not taken for somebody else's change."""
    visor.set_env_var("cat", "m", "0")

    def count(env: dict[str, str]) -> dict[str, str]:
        proxy.lose = 1  # of the change, and not of what was read for it
        return {**env, "m": str(int(env["m"]) + 1)}

    with pytest.raises(visor_client.RevMismatch) as echo:
        visor.update_env("cat", count)
    assert echo.value.repeated
    assert visor.get_env_var("cat", "m").value == "1"

    def rename(app: visor_client.App) -> dict[str, str]:
        proxy.lose = 1
        return {"stack": f"{app.stack}-again"}

    before = visor.get_app("cat").stack
    with pytest.raises(visor_client.RevMismatch):
        visor.update_app("cat", rename)
    assert visor.get_app("cat").stack == f"{before}-again"


def test_two_who_update_the_same_lose_nothing(service: Service) -> None:
    """On 412 what is there is read again, and the change made on that."""
    with Visor(service.url) as visor:
        visor.set_env_var("cat", "n", "0")

        def count() -> None:
            with Visor(service.url) as visor:
                for _ in range(20):
                    visor.update_env("cat", lambda env: {**env, "n": str(int(env["n"]) + 1)})

        threads = [threading.Thread(target=count) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert visor.get_env_var("cat", "n").value == "60"
        rev = visor.get_rev().rev
        assert visor.update_env("cat", lambda env: env).vars["n"] == "60"
        assert visor.update_app("cat", lambda app: None if app.head is None else {"head": None}).head is None
        assert visor.get_rev().rev == rev, "what changes nothing makes no commit"
        before = visor.get_app("cat").stack
        assert visor.update_app("cat", lambda app: {"stack": f"{app.stack}-2"}).stack == f"{before}-2"
