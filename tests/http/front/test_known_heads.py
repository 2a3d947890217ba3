"""What a connection says again is not read again: only where it is the very same, and the service is."""

import http.client
from collections.abc import Iterator

import pytest

from app.models import keys
from app.store.contract import Changes
from app.store.records import Origin
from tests.serving import APP, Service, serving

BROWSER = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def visor() -> Iterator[Service]:
    """One that lets only its own machine in, by its own names."""
    with serving(allowed_hosts="") as service:
        service.made("/apps", APP)
        yield service


def statuses(visor: Service, *asked: tuple[str, dict[str, str]]) -> list[int]:
    """What requests for an app, each with its method and headers, are answered on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", visor.port, timeout=30)
    found = []
    for method, headers in asked:
        connection.request(method, "/apps/cat", headers={"Host": "localhost", **headers})
        answer = connection.getresponse()
        answer.read()
        assert not answer.will_close
        found.append(answer.status)
    connection.close()
    return found


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Host": "evil.example.com"}, 421),
        ({"Via": "1.1 proxy"}, 421),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_a_head_is_refused_whatever_came_before_on_its_connection(
    visor: Service, headers: dict[str, str], refused: int
) -> None:
    plain: tuple[str, dict[str, str]] = ("GET", {})
    foreign = ("GET", headers)
    asked = [plain, plain, foreign, foreign, plain, foreign]
    assert statuses(visor, *asked) == [200, 200, refused, refused, 200, refused]


def test_what_one_method_may_say_another_may_not(visor: Service) -> None:
    """A link from another site is followed by a GET, and by nothing else."""
    link, other = ("GET", BROWSER), ("DELETE", BROWSER)
    assert statuses(visor, link, link, other, link) == [200, 200, 403, 200]


def test_the_first_token_closes_connections_that_asked_without_one() -> None:
    """That nobody needs a token is known for one rev, and not for the next."""
    with serving() as visor:
        visor.made("/apps", APP)
        assert [visor.get("/apps/cat").status_code for _ in range(3)] == [200] * 3
        closing = Changes(puts={keys.ACCESS: b"{}"})
        visor.inside(visor.context.store.transact(lambda snapshot, at: closing, Origin("a", "b")))
        assert visor.get("/apps/cat").status_code == 401


def test_a_long_head_is_answered_again_and_again(visor: Service) -> None:
    """It is not kept: that would be 64 KiB for each connection."""
    long = ("GET", {"X-Long": "x" * 5000})
    assert statuses(visor, long, long, long) == [200, 200, 200]


def test_each_of_a_connections_requests_is_counted_once(visor: Service) -> None:
    """The figures are published when somebody asks for them, and not counted twice then."""

    def counted() -> float:
        page = visor.get("/metrics").text
        [line] = (
            one
            for one in page.splitlines()
            if one.startswith('visor_http_request_seconds_count{method="GET",route="/apps/{app}"}')
        )
        return float(line.rpartition(" ")[2])

    before = counted()
    statuses(visor, *[("GET", {})] * 7)
    assert (counted(), counted()) == (before + 7, before + 7)
