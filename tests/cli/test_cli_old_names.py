"""The original's 24 commands, with their arguments, and what they print."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import calling
from app.cli.tree import COMMANDS, OLD_NAMES
from app.models.token import new_id, new_token, sha256_of
from tests.cli.typed import on_terminal, printed, typed
from tests.serving import Service, serving

DAY = [
    ("init", ""),
    ("app-register rocket", ""),
    ("app-register -type bare -repo https://git.example.com/cat.git -stack lenny cat", ""),
    ("app-list", "cat\nrocket\n"),
    ("app-describe rocket", "name: rocket\ntype: lxc\nrepo: https://github.com/foo/rocket\nstack: HEAD\n"),
    ("app-describe cat", "name: cat\ntype: bare\nrepo: https://git.example.com/cat.git\nstack: lenny\n"),
    ("app-env-set rocket cow moo", ""),
    ("app-env-set rocket cat=meow dog=wow=wow", ""),
    ("app-env-get rocket", "cat=meow\ncow=moo\ndog=wow=wow\n"),
    ("app-env-get rocket cow", "cow=moo\n"),
    ("app-env-del rocket dog", ""),
    ("app-env-get rocket", "cat=meow\ncow=moo\n"),
    ("rev-register rocket r1", ""),
    ("rev-register -artifacturl /archive/r2 rocket r2", ""),
    ("rev-describe rocket r1", "app: rocket\nref: r1\nstate: proposed\narchive-url:\n"),
    ("rev-describe rocket r2", "app: rocket\nref: r2\nstate: accepted\narchive-url: /archive/r2\n"),
    ("rev-exists rocket r1", ""),
    ("rev-unregister rocket r1", ""),
    ("app-revisions rocket", "r2\n"),
    ("app-head-set rocket r2", ""),
    ("proc-register rocket web", ""),
    ("proc-register rocket worker", ""),
    ("proc-unregister rocket worker", ""),
    ("app-services rocket", "web\n"),
    ("scale rocket r2 web 2", ""),
    ("app-instances rocket", "1 rocket r2 web pending -:-\n2 rocket r2 web pending -:-\n"),
    ("app-instances-purge rocket", ""),
    ("scale rocket r2 web 0", ""),
    ("app-instances rocket", ""),
    ("service-register cache", ""),
    ("endpoint-register cache 10.0.0.7 11211 1 5", ""),
    ("endpoint-register cache 10.0.0.8 11211", ""),
    ("endpoint-unregister cache 10.0.0.7 11211", ""),
    ("endpoint-unregister cache 10-0-0-8-11211", ""),
    ("service-unregister cache", ""),
    ("app-unregister rocket", ""),
]


@pytest.mark.parametrize("access", ["off", "on"])
@pytest.mark.parametrize("run", [printed, on_terminal], ids=["pipe", "terminal"])
def test_each_old_name_prints_what_the_original_did(
    run: Callable[[str], str], access: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = new_token(new_id())
    with serving(**({"admin_token_sha256": sha256_of(admin)} if access == "on" else {})) as service:
        monkeypatch.setenv("VISOR_URL", service.url)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        if access == "on":
            monkeypatch.setenv("VISOR_TOKEN", admin)
        for line, wanted in DAY:
            assert run(line) == wanted, line


@pytest.mark.parametrize("line", {line.split()[0]: line for line, _ in DAY}.values())
def test_a_failure_of_an_old_name_is_1_and_goes_to_standard_error(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing answers: the original knew no other status."""
    monkeypatch.setattr(calling, "RETRY_FOR", 0)
    status, out, err = typed(f"{line} --url http://127.0.0.1:9")
    assert (status, out) == (3 if line.startswith("scale") else 1, "")
    assert err.startswith("visor: No answer from ")


def test_no_old_name_is_left_out() -> None:
    used = {line.split()[0] for line, _ in DAY}
    assert used == {*OLD_NAMES, "scale"}
    assert len(used) == 24


@pytest.mark.parametrize(
    "line",
    [
        "app-describe nothere",
        "app-register cat",
        "proc-register nothere web",
        "scale cat r1 web 1",
        "service-unregister x",
    ],
)
def test_errors_go_to_standard_error_and_the_exit_status_is_1(commands: Service, line: str) -> None:
    commands.post("/apps", {"name": "cat", "repo_url": "r", "stack": "s"})
    status, out, err = typed(line)
    assert (status, out) == (1, "")
    assert err.startswith("visor: ")


def test_rev_exists_says_it_by_its_exit_status_alone(commands: Service) -> None:
    assert typed("rev-exists cat nothere") == (1, "", "")


def test_old_names_are_not_in_the_overview() -> None:
    shown = printed("--help")
    assert not any(f" {name}" in shown for name in OLD_NAMES)
    assert set(OLD_NAMES) <= set(COMMANDS)
