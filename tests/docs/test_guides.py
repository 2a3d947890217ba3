"""The commands of the guides work as they are printed there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.session import run
from tests.serving import Service, serving

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BASE = "http://127.0.0.1:8000"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(guide: str) -> Iterator[str]:
    """The lines of a guide's shell blocks, with the address in the place of `$U`."""
    for block in _BLOCK.findall((GUIDES / guide).read_text()):
        yield from (line.replace("$U", BASE) for line in block.splitlines())


@pytest.fixture
def rocket() -> Iterator[Service]:
    """What the guides begin with: rocket, its web, and three instances of f00ba4, which is 4 commits."""
    with serving(store="memory:") as service:
        post(service, "/apps", name="rocket", repo_url="https://git.example.com/rocket.git", stack="lenny")
        post(service, "/apps/rocket/proctypes", name="web")
        post(service, "/apps/rocket/revisions", ref="f00ba4", archive_url="/f00ba4.img")
        scale(service, "f00ba4", 3)
        yield service


def post(service: Service, path: str, **body: object) -> None:
    service.client.post(service.url + path, json=body).raise_for_status()


def scale(service: Service, revision: str, count: int) -> None:
    path = "/apps/rocket/proctypes/web/scale"
    service.client.put(service.url + path, json={"revision": revision, "count": count}).raise_for_status()


def follow(guide: str, service: Service) -> list[str]:
    """Runs each command; an error ends the test with its text. Returns the answers."""
    answers = []
    for command in commands(guide):
        answer = run(f"{command} -i", service)
        assert answer is not None, f"not a curl command: {command}"
        assert re.match(r"HTTP/1.1 2\d\d ", answer), f"{shlex.split(command)}\n{answer}"
        answers.append(answer)
    return answers


def test_the_guide_deploys_a_revision_and_rolls_it_back(rocket: Service) -> None:
    """Each command succeeds, in order; the revert at the end has the old revision's three instances back."""
    answers = follow("deploy.md", rocket)
    assert len(answers) == 11
    assert '"revision":"f00ba4"' in answers[-1]
    counts = rocket.client.get(rocket.url + "/apps/rocket/proctypes/web/scale").json()["items"]
    assert [(each["revision"], each["count"]) for each in counts] == [("f00ba4", 3)]


def test_the_guide_drains_a_host_and_another_is_asked_for(rocket: Service) -> None:
    """Instance 17 runs on the host; its stop and the scale give a new ticket, and then it can be lost."""
    scale(rocket, "f00ba4", 14)
    post(rocket, "/apps/rocket/revisions", ref="128af9", archive_url="/128af9.img")
    scale(rocket, "128af9", 3)
    claimed = rocket.client.post(rocket.url + "/instances/17/claim", json={"host": "10.0.0.7"}).json()
    place = {"host": "10.0.0.7", "claim_rev": claimed["claim_rev"]}
    post(rocket, "/instances/17/start", **place, hostname="box7", port=9000)
    answers = follow("drain.md", rocket)
    assert '"id":17' in answers[0]
    assert '"started":[18]' in answers[2]
    assert '"status":"lost"' in answers[3]
