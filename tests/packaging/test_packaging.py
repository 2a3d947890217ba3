"""What can be promised of the image, the compose file and the scripts where no container engine runs.

hadolint and the Compose specification's own schema judge the form; the tests below judge the promises:
who it runs as, how it is stopped, how it is asked whether it is well, and that the build gets all it
needs and nothing else.
"""

import fnmatch
import json
import os
import shlex
import socket
import stat
import subprocess
import sys
import sysconfig
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import __version__

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sysconfig.get_path("scripts"))
SCRIPTS = ["scripts/serve", "scripts/test", ".ci/run"]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def tool(*command: str) -> None:
    """Runs a checker that is installed beside this Python; its output is the failure's text."""
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile as its stages, each a list of (instruction, the rest)."""
    text = "\n".join(
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    )
    found: list[list[tuple[str, str]]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append((word, rest.strip()))
    return found


def said(word: str) -> list[str]:
    """Every use of an instruction in the last stage, the one that runs."""
    return [rest for instruction, rest in stages()[-1] if instruction == word]


def pairs(word: str) -> dict[str, str]:
    """The `key=value` pairs of every ENV or LABEL of the last stage."""
    return dict(pair.split("=", 1) for rest in said(word) for pair in shlex.split(rest))


def image_healthcheck() -> list[str]:
    command: list[str] = json.loads(said("HEALTHCHECK")[0].partition("CMD ")[2])
    return command


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    found: dict[str, Any] = compose["services"]["visor"]
    return found


# The form


def test_the_dockerfile_passes_hadolint() -> None:
    tool("hadolint", "--failure-threshold", "style", "Dockerfile")


def test_the_compose_file_fits_the_compose_specification() -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_passes_shellcheck(script: str) -> None:
    tool("shellcheck", script)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_stops_at_the_first_fault(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in path.read_text()


# The image


def test_every_stage_starts_from_one_pinned_slim_python() -> None:
    bases = {rest.split()[0] for stage in stages() for word, rest in stage if word == "FROM"}
    assert len(stages()) == 2
    assert len(bases) == 1
    (base,) = bases
    assert base.startswith("python:3.")
    assert base.endswith("-slim")


def test_the_image_runs_as_a_fixed_user_that_is_not_root() -> None:
    assert said("USER") == ["10001:10001"]
    made = next(rest for rest in said("RUN") if "useradd" in rest)
    assert "--uid 10001" in made
    assert "--gid 10001" in made


def test_the_volume_exists_for_the_user_and_the_store_is_on_it() -> None:
    assert json.loads(said("VOLUME")[0]) == ["/data"]
    made = next(rest for rest in said("RUN") if "/data" in rest)
    assert "install --directory --owner=10001 --group=10001" in made
    assert pairs("ENV")["VISOR_STORE"] == "sqlite:////data/visor.db"


def test_the_image_listens_where_it_says() -> None:
    assert pairs("ENV")["VISOR_HOST"] == "0.0.0.0"
    assert said("EXPOSE") == [pairs("ENV")["VISOR_PORT"]] == ["8000"]


def test_visor_is_process_one_and_gets_the_signal_itself() -> None:
    # A shell in between would keep SIGTERM to itself: no graceful end, ten seconds later a SIGKILL.
    assert json.loads(said("ENTRYPOINT")[0]) == ["visor"]
    assert json.loads(said("CMD")[0]) == ["serve"]
    assert said("STOPSIGNAL") == ["SIGTERM"]
    assert PROJECT["scripts"]["visor"] == "app.cli.main:main"


def test_the_labels_say_what_pyproject_says() -> None:
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in pairs("LABEL").items()}
    assert labels["version"] == __version__
    assert labels["licenses"] == PROJECT["license"]
    assert {"title", "description", "vendor"} <= labels.keys()


def test_nothing_of_pips_cache_is_left_and_no_dependency_is_compiled() -> None:
    installs = [
        rest
        for stage in stages()
        for word, rest in stage
        if word == "RUN" and " install " in rest and "pip " in rest
    ]
    assert installs
    for install in installs:
        assert "--no-cache-dir" in install
        assert "--only-binary :all:" in install or "--no-deps" in install


def test_only_the_environment_is_carried_into_the_image() -> None:
    assert said("COPY") == ["--from=build /opt/visor /opt/visor"]


def test_the_build_gets_all_it_needs_and_nothing_else() -> None:
    copied = {source for word, rest in stages()[0] if word == "COPY" for source in rest.split()[:-1]}
    needed = {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], "app"}
    assert copied == needed
    rules = [line for line in (ROOT / ".dockerignore").read_text().split("\n") if line and line[0] != "#"]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == needed
    ignored_again = [rule for rule in rules[1:] if not rule.startswith("!")]
    assert not [name for name in needed for rule in ignored_again if fnmatch.fnmatch(name, rule)]
    assert not [name for name in needed if not (ROOT / name).exists()]


# Its health


class _Readyz(BaseHTTPRequestHandler):
    """Answers /readyz with the status its server was given, and everything else with 404."""

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/readyz" else 404)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def readyz() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Readyz)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def check_health(port: int) -> int:
    """Runs the image's health check as it stands, with this Python in the place of the image's."""
    python, *arguments = image_healthcheck()
    assert python == "python"
    # A proxy that is not there: the check must not ask it.
    env = os.environ | {"VISOR_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, timeout=20)
    return done.returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1), (500, 1)])
def test_the_health_check_follows_readyz(readyz: ThreadingHTTPServer, status: int, code: int) -> None:
    readyz.status = status  # type: ignore[attr-defined]
    assert check_health(readyz.server_address[1]) == code


def test_the_health_check_fails_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert check_health(port) == 1


def test_the_health_check_fails_when_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert check_health(silent.getsockname()[1]) == 1


# The compose file


def test_compose_asks_for_health_as_the_image_does(service: dict[str, Any]) -> None:
    flags = dict(flag[2:].split("=") for flag in said("HEALTHCHECK")[0].split() if flag.startswith("--"))
    there = dict(service["healthcheck"])
    assert there.pop("test") == ["CMD", *image_healthcheck()]
    assert {key: str(value) for key, value in there.items()} == {
        key.replace("-", "_"): value for key, value in flags.items()
    }


def test_compose_keeps_the_store_on_a_named_volume(service: dict[str, Any]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert service["volumes"] == ["visor-data:/data"]
    assert "visor-data" in compose["volumes"]
    assert service["environment"] == {"VISOR_STORE": pairs("ENV")["VISOR_STORE"]}


def test_compose_lets_only_this_machine_in(service: dict[str, Any]) -> None:
    assert service["ports"] == ["127.0.0.1:8000:8000"]


def test_compose_gives_the_service_no_power_it_does_not_need(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "network_mode", "pid"} & service.keys()


def test_compose_waits_for_a_clean_end_and_starts_again_after_a_crash(service: dict[str, Any]) -> None:
    assert service["restart"] == "unless-stopped"
    assert service["stop_signal"] == "SIGTERM"
    # The service promises to end within 5 s; compose must not cut that short.
    assert int(service["stop_grace_period"].removesuffix("s")) > 5


def test_compose_builds_the_version_of_this_tree(service: dict[str, Any]) -> None:
    assert service["build"] == "."
    assert service["image"] == f"visor:{PROJECT['version']}"
