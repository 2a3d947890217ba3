"""What can be promised of the image, the compose file and the scripts where no container engine runs.

hadolint and the Compose specification's own schema judge the form; the tests below judge the promises:
who it runs as, how it is stopped, how it is asked whether it is well, and that the build gets all it
needs and nothing else.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
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
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app import __version__
from app.cli import healthy
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sysconfig.get_path("scripts"))
SCRIPTS = ["scripts/environment", "scripts/sdks", "scripts/demo", "scripts/serve", "scripts/test", ".ci/run"]

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


COMPOSE_FILES = ["docker-compose.yml", "deploy/cluster.yml"]


def services_of(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())["services"]
    return found


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    found: dict[str, Any] = services_of("docker-compose.yml")["visor"]
    return found


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    return services_of("deploy/cluster.yml")


# The form


def test_the_dockerfile_passes_hadolint() -> None:
    tool("hadolint", "--failure-threshold", "style", "Dockerfile")


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_a_compose_file_fits_the_compose_specification(file: str) -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_a_compose_file_is_what_compose_takes(file: str) -> None:
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed here")
    done = subprocess.run(
        ["docker-compose", "-f", file, "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_passes_shellcheck(script: str) -> None:
    tool("shellcheck", "--external-sources", script)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_stops_at_the_first_fault(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in path.read_text()


def test_a_venv_that_came_along_with_a_moved_tree_is_made_anew(tmp_path: Path) -> None:
    """Its commands name the interpreter of the place where it was."""
    venv = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    asked = f"source {ROOT}/scripts/environment; venv={venv}; made_here && echo here"

    def answer() -> str:
        return subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False).stdout

    assert answer() == ""
    (venv / ".made-as").write_text(f"{venv}\n")
    assert answer() == "here\n"
    (venv / ".made-as").write_text("/elsewhere/.venv\n")
    assert answer() == ""
    (venv / ".made-as").write_text(f"{venv}\n")
    (venv / "bin" / "python").unlink()
    assert answer() == ""


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
    packages = {"app", "visor_client"}
    needed = {"pyproject.toml", "requirements.lock", PROJECT["readme"], *PROJECT["license-files"], *packages}
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
    assert arguments == ["-I", "-m", "app.cli.healthy"]
    # A proxy that is not there: the check must not ask it. What process 1 is here is none of ours.
    env = os.environ | {"VISOR_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, *arguments], env=env, capture_output=True, timeout=300)
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


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("visor serve", 8001),
        ("visor serve --port 9000", 9000),
        ("visor serve --port=9000 --history 5", 9000),
        ("/sbin/docker-init -- visor serve --port 9000", 9000),
    ],
)
def test_the_health_check_asks_the_port_that_the_service_was_started_with(
    monkeypatch: pytest.MonkeyPatch, command: str, port: int
) -> None:
    monkeypatch.setenv("VISOR_PORT", "8001")
    assert healthy.setting_of(command.split(), "port") == str(port)


def test_the_label_of_the_image_is_the_version_of_the_package() -> None:
    """A label cannot be read from a file, so it is written by hand."""
    label = re.search(r'org\.opencontainers\.image\.version="([^"]+)"', (ROOT / "Dockerfile").read_text())
    assert label is not None
    assert label[1] == __version__, "Dockerfile"


# The dependencies


def test_the_lock_has_every_dependency_with_its_hashes() -> None:
    """`./scripts/lock` writes it; the image's build takes nothing else."""
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)[^\n]* \\\n    --hash=sha256:", lock, re.MULTILINE))
    assert len(locked) == len(re.findall("^[a-z0-9-]+==", lock, re.MULTILINE)), "each has a hash"
    for dependency in PROJECT["dependencies"]:
        requirement = Requirement(dependency)
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name}: run ./scripts/lock"
        assert version in requirement.specifier, f"{requirement.name}: run ./scripts/lock"
    assert "://" not in lock, "it names no server: that is for who installs to say"


# The compose files


def visors() -> list[Any]:
    """Every service of the compose files that is Visor itself."""
    return [
        pytest.param(service, id=f"{file} {name}")
        for file in COMPOSE_FILES
        for name, service in services_of(file).items()
        if service["image"].startswith("visor")
    ]


each_visor = pytest.mark.parametrize("each", visors())


@each_visor
def test_compose_asks_for_health_as_the_image_does(each: dict[str, Any]) -> None:
    flags = dict(flag[2:].split("=") for flag in said("HEALTHCHECK")[0].split() if flag.startswith("--"))
    there = dict(each["healthcheck"])
    assert there.pop("test") == ["CMD", *image_healthcheck()]
    assert {key: str(value) for key, value in there.items()} == {
        key.replace("-", "_"): value for key, value in flags.items()
    }


@each_visor
def test_compose_builds_what_is_checked_out(each: dict[str, Any]) -> None:
    assert each["build"] in (".", "..")
    assert each["image"] == f"visor:{__version__}"
    assert each["pull_policy"] == "build"


@each_visor
def test_compose_takes_settings_from_a_file_but_not_where_it_listens(each: dict[str, Any]) -> None:
    [file] = each["env_file"]
    assert file["path"].endswith(".env")
    assert file["required"] is False
    fixed = each["environment"]
    assert (fixed["VISOR_HOST"], fixed["VISOR_PORT"]) == ("0.0.0.0", "8000")
    assert "VISOR_STORE" in fixed


@each_visor
def test_compose_gives_visor_files_enough_for_its_connections(each: dict[str, Any]) -> None:
    assert each["ulimits"]["nofile"] > 2 * Settings.model_fields["max_connections"].default


@each_visor
def test_compose_gives_the_service_no_power_it_does_not_need(each: dict[str, Any]) -> None:
    assert each["read_only"] is True
    assert each["tmpfs"] == ["/tmp"]
    assert each["cap_drop"] == ["ALL"]
    assert each["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "network_mode", "pid"} & each.keys()


@each_visor
def test_compose_waits_for_a_clean_end_and_starts_again_after_a_crash(each: dict[str, Any]) -> None:
    assert each["restart"] == "unless-stopped"
    assert each["stop_signal"] == "SIGTERM"
    # Compose must not cut short what the service takes to end.
    drain = int(each["environment"].get("VISOR_DRAIN", Settings.model_fields["drain"].default))
    shutdown = int(Settings.model_fields["shutdown_timeout"].default)
    assert int(each["stop_grace_period"].removesuffix("s")) > drain + shutdown


@each_visor
def test_where_one_address_stands_for_all_no_client_has_a_limit_of_its_own(each: dict[str, Any]) -> None:
    """Through a published port or the proxy everybody without a token has one address: without this, one busy
    client would use up what is there for all."""
    environment = each["environment"]
    assert environment["VISOR_INSECURE"] == "${VISOR_INSECURE:-1}"
    limits = [name for name in Settings.model_fields if name.startswith("client_")]
    assert limits
    for name in limits:
        variable = f"VISOR_{name.upper()}"
        assert environment[variable] == f"${{{variable}:-0}}"


def test_compose_keeps_the_store_on_a_named_volume(service: dict[str, Any]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert service["volumes"] == ["visor-data:/data"]
    assert "visor-data" in compose["volumes"]
    assert service["environment"]["VISOR_STORE"] == pairs("ENV")["VISOR_STORE"]


def test_compose_lets_only_this_machine_in(service: dict[str, Any], cluster: dict[str, Any]) -> None:
    assert service["ports"] == cluster["proxy"]["ports"] == ["127.0.0.1:8000:8000"]


def test_each_file_is_one_set_up(cluster: dict[str, Any]) -> None:
    """Whoever starts one does not start the other beside it, on the same port, with an empty registry."""
    assert set(services_of("docker-compose.yml")) == {"visor"}
    assert not [name for name, each in cluster.items() if "sqlite:" in str(each)]
    assert [name for name, each in cluster.items() if "ports" in each] == ["proxy"]
    files = [yaml.safe_load((ROOT / file).read_text()) for file in COMPOSE_FILES]
    assert len({file["name"] for file in files}) == 2
    assert not [service for file in files for service in file["services"].values() if "profiles" in service]
    assert not [file for file in files if "configs" in file]


def test_the_proxy_has_no_power_it_does_not_need(cluster: dict[str, Any]) -> None:
    proxy = cluster["proxy"]
    assert proxy["user"] == "haproxy"
    assert proxy["read_only"] is True
    assert proxy["cap_drop"] == ["ALL"]
    assert proxy["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & proxy.keys()


def test_the_proxy_knows_the_replicas_and_their_drain(cluster: dict[str, Any]) -> None:
    """Several of its checks fit into the drain, and it ends by itself before it is killed."""
    text = (ROOT / "deploy" / "haproxy.cfg").read_text()
    replicas = {name for name, each in cluster.items() if "VISOR_STORE" in each.get("environment", {})}
    assert set(re.findall(r"^\tserver (\S+) \1:8000$", text, re.MULTILINE)) == replicas
    every = int(found(r" inter (\d+)s ", text))
    for name in replicas:
        assert int(cluster[name]["environment"]["VISOR_DRAIN"]) >= 3 * every
    hard_stop = int(found(r"hard-stop-after (\d+)s", text))
    assert int(cluster["proxy"]["stop_grace_period"].removesuffix("s")) > hard_stop
    longest_wait = 60
    for side in ("client", "server"):
        assert int(found(rf"timeout {side} (\d+)s", text)) > longest_wait


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, pattern
    return match[1]


def test_every_image_of_another_is_named_in_full() -> None:
    images = {each["image"] for file in COMPOSE_FILES for each in services_of(file).values()}
    for image in images - {f"visor:{__version__}"}:
        assert re.search(r":v?\d+\.\d+\.\d+(-[a-z]+)?$", image), image


def test_what_compose_mounts_is_there(cluster: dict[str, Any]) -> None:
    for each in cluster.values():
        for volume in each.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (ROOT / "deploy" / source).is_file()
