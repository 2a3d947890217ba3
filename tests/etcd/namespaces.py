"""Machines with a network between them that can be cut: network namespaces of Linux (root, and iproute2).

Each machine has a cable to one switch. A process on a machine reaches the others by its cable alone; a
socket that is handed to it keeps the network that it was made in, so that a test can talk to a service
on a machine that is cut off.
"""

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.etcd.cluster import START, binary, until

CLIENT, PEER = 2379, 2380


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def enter(name: str) -> None:
    """Have this thread, and all that it starts from here on, run on the machine (or on the switch)."""
    with open(f"/var/run/netns/{name}") as namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), 0):
            raise OSError(ctypes.get_errno(), f"cannot enter {name}")


class Machine:
    """A network namespace with an address, and what runs in it."""

    def __init__(self, switch: str, number: int) -> None:
        self.name = f"{switch}m{number}"
        self.address = f"10.77.0.{number}"
        self.endpoint = f"{self.address}:{CLIENT}"
        self.switch, self._plug = switch, f"p{number}"
        self._running: list[subprocess.Popen[bytes]] = []
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")
        ip("-n", switch, "link", "add", self._plug, "type", "veth", "peer", "name", "e0", "netns", self.name)
        ip("-n", switch, "link", "set", self._plug, "master", "bridge", "up")
        ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "e0")
        ip("-n", self.name, "link", "set", "e0", "up")

    def unplug(self) -> None:
        """Nothing comes in or goes out any more; connections are not told."""
        ip("-n", self.switch, "link", "set", self._plug, "down")

    def plug(self) -> None:
        ip("-n", self.switch, "link", "set", self._plug, "up")

    def start(self, command: Sequence[str], log: Path, **more: Any) -> None:
        with log.open("ab") as out:
            self._running.append(
                subprocess.Popen(["ip", "netns", "exec", self.name, *command], stdout=out, stderr=out, **more)
            )

    def ask(self, *command: str) -> str:
        """What a command that runs on the machine says; nothing where it fails."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, *command], capture_output=True, text=True, timeout=START
        )
        return done.stdout if done.returncode == 0 else ""

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.wait(START)
        ip("netns", "delete", self.name)


class Replica:
    """A `visor serve` on a machine. The test reaches it whatever the machine is cut off from."""

    def __init__(self, machine: Machine, endpoints: Sequence[str], log: Path) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        command = [sys.executable, "-m", "app.cli", "serve", "--store", f"etcd://{','.join(endpoints)}/visor"]
        command += ["--log-level", "warning", "--keep-alive", "0.5", "--fd", str(listening.fileno())]
        root = Path(__file__).parents[2]
        machine.start(command, log, pass_fds=[listening.fileno()], cwd=root)
        listening.close()
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, verify=False)

    def ready(self) -> bool:
        try:
            return self.client.get("/readyz", timeout=2).status_code == 200
        except httpx2.HTTPError:
            return False


@contextmanager
def machines(count: int) -> Iterator[list[Machine]]:
    """So many machines on one switch."""
    switch = f"visor{os.getpid()}"
    ip("netns", "add", switch)
    made: list[Machine] = []
    try:
        ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", switch, "link", "set", "bridge", "up")
        for number in range(1, count + 1):
            made.append(Machine(switch, number))
        yield made
    finally:
        for machine in made:
            machine.close()
        ip("netns", "delete", switch)


SWITCH = "10.77.0.254"


def join_switch(machines: Sequence[Machine]) -> None:
    """Have this thread, and all that it starts from here on, run on the switch, at `SWITCH`: from there
    all machines are reached, and nothing else."""
    switch = machines[0].switch
    ip("-n", switch, "link", "set", "lo", "up")
    ip("-n", switch, "addr", "add", f"{SWITCH}/24", "dev", "bridge")
    enter(switch)


def start_etcd(members: Sequence[Machine], directory: Path) -> None:
    """An etcd member on each machine; returns when there is a leader."""
    initial = ",".join(f"{one.name}=http://{one.address}:{PEER}" for one in members)
    for one in members:
        here, peer = f"http://{one.endpoint}", f"http://{one.address}:{PEER}"
        one.start(
            [
                *(str(binary()), "--name", one.name, "--data-dir", str(directory / one.name)),
                *("--listen-client-urls", here, "--advertise-client-urls", here, "--log-level", "warn"),
                *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                *("--initial-cluster", initial, "--initial-cluster-token", directory.name),
            ],
            directory / f"{one.name}.log",
        )
    until(lambda: leader(members) is not None, "a leader")


def leader(members: Sequence[Machine]) -> Machine | None:
    """The machine whose member leads, as that member says."""
    for one in members:
        at = ("--endpoints", one.endpoint)
        said = one.ask(
            str(binary().with_name("etcdctl")), "--command-timeout", "1s", *at, "endpoint", "status"
        )
        # endpoint, id, version, size, leads, ...
        if said and said.split(", ")[4] == "true":
            return one
    return None
