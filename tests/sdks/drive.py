"""Has each client that scripts/sdks has made do the whole scenario, on a Visor of today and on one of later:

    python -m tests.sdks.drive FOLDER CLIENT..

FOLDER is where they were made. All run at the same time, each with an app of its own; access is on.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any

from app.models.token import new_id, new_token, sha256_of
from tests.docs.following import GONE, comes_through
from visor_client import Visor

CLIENTS = {
    "openapi-python-client": ["python/bin/python", "scenario.py", "client"],
    "openapi-fetch": ["node", "built/openapi_fetch.js"],
    "hey-api": ["node", "built/hey_api.js"],
    "java": ["java", "-XX:TieredStopAtLevel=1", "-cp", "classes:openapi-generator.jar", "Scenario"],
    "go": ["./scenario"],
}

FOLLOWERS = (["python/bin/python", "followed.py"], ["node", "built/followed.js"])

HOST = "10.0.0.7"
EVENTS = (
    "app-register app-update app-update rev-register rev-update app-update app-update proc-register "
    "instance-register instance-register instance-register scale-update "
    "instance-claim instance-start app-update"
)
"""What the scenario does, as the history has it."""

SECONDS = 120
"""How long a client may take, all of them at once on a busy machine."""


def drain(pipe: IO[bytes]) -> None:
    """Read it to its end, which may be that it is closed."""
    with suppress(ValueError):
        while pipe.read(65536):
            pass


@contextmanager
def served(admin: str, *flags: str) -> Iterator[str]:
    """A `visor serve` of its own; where it listens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISOR_")}
    environment["VISOR_ADMIN_TOKEN_SHA256"] = sha256_of(admin)
    command = [sys.executable, "-m", "app.cli", "serve", "--store", "memory:", "--port", "0", *flags]
    with subprocess.Popen(
        [*command, "--log-format", "json"], env=environment, stderr=subprocess.PIPE
    ) as service:
        try:
            assert service.stderr is not None
            for line in service.stderr:
                with suppress(ValueError):
                    if (said := json.loads(line)).get("event") == "listening":
                        # What it logs from now on is not read, but must not fill the pipe.
                        Thread(target=drain, args=(service.stderr,), daemon=True).start()
                        yield f"http://127.0.0.1:{said['port']}"
                        return
            raise SystemExit("sdks: the service did not start")
        finally:
            service.terminate()


@contextmanager
def later_visor(url: str) -> Iterator[str]:
    """The same as a later version would answer; where it listens."""
    command = [sys.executable, "-m", "tests.sdks.later_visor", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            yield proxy.stdout.readline().strip()
        finally:
            proxy.terminate()


@contextmanager
def environments() -> Iterator[dict[str, dict[str, str]]]:
    """What a client is told of the Visor of today, and of the later one."""
    admin, host = new_token(new_id()), new_token(id := new_id())
    with served(admin) as url, served(admin, "--history", "2") as short, later_visor(url) as later:
        with Visor(url, token=admin) as visor:
            visor.set_token(id, "box7", [{"role": "host", "hosts": [HOST]}], sha256=sha256_of(host))
        with Visor(short, token=admin) as visor:
            for n in range(6):
                visor.register_service(f"s{n}")
        today = {"ADMIN_TOKEN": admin, "HOST_TOKEN": host, "SHORT_URL": short, "EVENTS": EVENTS}
        yield {
            "today": {**today, "VISOR_URL": url},
            "later": {**today, "VISOR_URL": later, "LATER": "1"},
        }


def followed(folder: str) -> int:
    """1 where what docs/sdks.md follows events with does not come through, whether it is told of its lost
    place by the stream or by a 410."""
    failed = 0
    for command in FOLLOWERS:
        for last in ([], GONE):
            try:
                comes_through(command, Path(folder), last)
            except (AssertionError, ValueError):  # or what it printed is cut off
                failed = 1
                traceback.print_exc()
    return failed


def main(folder: str, clients: list[str]) -> int:
    """The exit status: 0 where each client did everything on both."""
    failed = followed(folder)
    with environments() as told:
        running: list[tuple[str, subprocess.Popen[Any]]] = []
        for client in clients:
            for when, environment in told.items():
                mine = os.environ | environment | {"APP": f"{client}-{when}"}
                command = CLIENTS[client]
                process = subprocess.Popen(
                    command, cwd=Path(folder), env=mine, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
                running.append((f"{client} on a Visor of {when}", process))
        for name, process in running:
            try:
                output = process.communicate(timeout=SECONDS)[0].decode()
            except subprocess.TimeoutExpired:
                process.kill()
                output = f"no end after {SECONDS} s"
            if process.returncode:
                failed = 1
                sys.stderr.write(f"sdks: {name} failed:\n{output}\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
