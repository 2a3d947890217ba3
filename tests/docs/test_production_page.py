"""*From laptop to production* (docs/operations.md): its ten commands, as they are printed, make a service
that asks for tokens over TLS, and a backup of it."""

import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cli.typed import typed
from tests.etcd.cluster import free_port, until
from tests.tls.authority import Authority

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
PLACES = re.compile(r"(?<![\w.])/(var/lib/visor|etc|backup)\b")
"""Of the machine: in the test they are below its directory."""


def commands() -> list[str]:
    """The lines of the section, without what is said behind them."""
    section = PAGE.read_text().partition("## From laptop to production\n")[2].partition("\n## ")[0]
    return [line[4:].partition("  #")[0].strip() for line in section.splitlines() if line.startswith("    ")]


class Machine:
    """Runs the commands. In the place of systemd it starts what the unit says, with the settings of the unit,
    of what was installed beside it, and of `visor.env`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.service: subprocess.Popen[bytes] | None = None
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(root),
            "XDG_CONFIG_HOME": str(root),
        }
        for place in ("var/lib/visor", "etc/visor", "backup"):
            (root / place).mkdir(parents=True)
        (root / "deploy").symlink_to(ROOT / "deploy")
        # What the page leaves to the machine: a port that is free, and an authority that nobody knows.
        (root / "etc/visor/visor.env").write_text(f"VISOR_PORT={self.port}\n")
        authority = Authority(root)
        authority.signed("visor", "visor.example.com", "127.0.0.1")
        self.ca = str(authority.file)

    def here(self, text: str) -> str:
        return PLACES.sub(rf"{self.root}/\1", text)

    def done(self, command: str) -> str:
        """What the command prints."""
        if command.startswith("systemctl "):
            assert command.endswith("restart visor")
            self.restart()
            return ""
        ended = subprocess.run(
            ["bash", "-c", self.here(command)],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{command}\n{ended.stderr}"
        return ended.stdout.strip()

    def restart(self) -> None:
        self.stop()
        units = [ROOT / "deploy/visor.service", *self.root.glob("etc/systemd/system/visor.service.d/*.conf")]
        said = [line for unit in units for line in unit.read_text().splitlines()]
        settings = dict(
            line.removeprefix("Environment=").split("=", 1)
            for line in said
            if line.startswith("Environment=")
        )
        credentials = self.root / "credentials"
        credentials.mkdir(exist_ok=True)
        for line in said:
            if line.startswith("LoadCredential="):
                name, _, file = line.removeprefix("LoadCredential=").partition(":")
                (credentials / name).write_bytes(Path(self.here(file)).read_bytes())
        lines = (self.root / "etc/visor/visor.env").read_text().splitlines()
        settings |= dict(line.split("=", 1) for line in lines)
        environment = {
            name: self.here(value.replace("%d", str(credentials))) for name, value in settings.items()
        }
        [start] = [line.removeprefix("ExecStart=") for line in said if line.startswith("ExecStart=")]
        with (self.root / "journal").open("ab") as journal:
            self.service = subprocess.Popen(
                ["visor", *shlex.split(start)[1:]],
                env=self.environment | environment,
                cwd=self.root,
                stderr=journal,
            )
        until(lambda: b"listens at" in self.journal or self.service.poll() is not None, "it serves")
        assert self.service.poll() is None, self.journal

    @property
    def journal(self) -> bytes:
        return (self.root / "journal").read_bytes()

    def stop(self) -> None:
        if self.service is not None:
            self.service.send_signal(signal.SIGTERM)
            self.service.wait(60)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.stop()


def test_the_ten_commands_lead_to_a_service_that_is_closed_and_backed_up(machine: Machine) -> None:
    lines = commands()
    assert len(lines) == 10
    tokens = []
    for line in lines:
        if line.startswith("export "):
            assert machine.environment.get("VISOR_URL") is None
            machine.environment |= {
                "VISOR_URL": f"https://127.0.0.1:{machine.port}",
                "VISOR_TOKEN": tokens[0],
                "VISOR_CA": machine.ca,
            }
            continue
        printed = machine.done(line)
        if "token create" in line:
            assert re.fullmatch(r"vsr_\w+", printed), printed
            tokens.append(printed)
    _, bot, box7, prometheus = tokens
    client = httpx2.Client(
        base_url=machine.environment["VISOR_URL"],
        verify=ssl.create_default_context(cafile=machine.ca),
        timeout=60,
    )

    def asked(token: str, method: str, path: str, body: object = None, **headers: str) -> int:
        given = {**({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        return client.request(method, path, json=body, headers=given).status_code

    with client:
        assert asked("", "GET", "/apps") == 401
        assert asked(bot, "GET", "/apps", Host="visor.example.com") == 200
        assert asked(bot, "GET", "/apps", Host="evil.example.com") == 421
        for app, status in (("rocket", 201), ("cat-1", 201), ("dog", 403)):
            body = {"name": app, "repo_url": "https://git.example.com/x.git", "stack": "lenny"}
            assert asked(bot, "POST", "/apps", body) == status
        assert asked(box7, "POST", "/instances/claim", {"host": "10.0.0.7"}) == 204
        assert asked(box7, "POST", "/instances/claim", {"host": "10.0.0.8"}) == 403
        assert asked(prometheus, "GET", "/metrics") == 200
    [backup] = (machine.root / "backup").iterdir()
    assert "dog" not in machine.journal.decode()
    machine.stop()
    store = f"sqlite:///{machine.root}/restored.db"
    assert typed(f"restore {backup} --store {store}").status == 0
    kept = typed(f"token list --store {store}").out
    assert all(name in kept for name in ("root", "deploy-bot", "box7", "prometheus"))
