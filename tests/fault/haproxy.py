"""HAProxy with the project's own `deploy/haproxy.cfg`: only the addresses in it are others."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.etcd.cluster import free_port, until

CONFIG = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"

# Debian has it where only root looks.
HAPROXY = os.environ.get("VISOR_TEST_HAPROXY") or shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
"""The HAProxy to run; None where there is none."""


class HAProxy:
    """One HAProxy in front of these servers, each a port of loopback, by the names that the file has."""

    def __init__(self, directory: Path, servers: Mapping[str, int]) -> None:
        self.port = free_port()
        self.config = directory / "haproxy.cfg"
        self.log = directory / "haproxy.log"
        text = CONFIG.read_text()
        addresses = {"bind :8000": f"bind 127.0.0.1:{self.port}"}
        addresses |= {f"{name} {name}:8000": f"{name} 127.0.0.1:{port}" for name, port in servers.items()}
        for there, here in addresses.items():
            assert text.count(there) == 1, f"{CONFIG} has no {there!r}"
            text = text.replace(there, here)
        self.config.write_text(text)
        assert HAPROXY is not None
        with self.log.open("wb") as log:
            self._process = subprocess.Popen([HAPROXY, "-db", "-f", self.config], stdout=log, stderr=log)

    @property
    def logged(self) -> str:
        return self.log.read_text()

    def wait_for(self, server: str, state: str, after: int = 0) -> None:
        """Until its log says this of the server (UP, DOWN, stopping), past the first `after` characters."""
        text = f"/{server} is {state}"
        until(lambda: text in self.logged[after:], f"the proxy logs {text!r}, see {self.log}", 30)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(60)
