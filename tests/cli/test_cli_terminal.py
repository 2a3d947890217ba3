"""The command as a process on a terminal of its own: what it shows, and how it ends."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.running import ENVIRONMENT, ROOT
from tests.serving import Service


class Terminal:
    """`visor LINE`, whose input, output and errors are a terminal."""

    def __init__(self, line: str, url: str, home: Path) -> None:
        self._ours, theirs = pty.openpty()
        environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(home), "VISOR_URL": url}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *line.split()],
            env=environment | {"TERM": "xterm", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def read_until(self, enough: Callable[[str], bool], seconds: float = 60) -> str:
        """What it shows, until that is enough, or until its end."""
        until = time.monotonic() + seconds
        while not enough(self.shown) and time.monotonic() < until:
            if not select.select([self._ours], [], [], 0.1)[0]:
                continue
            try:
                part = os.read(self._ours, 65536)
            except OSError:  # it has ended
                break
            self.shown += part.decode().replace("\r\n", "\n")
        return self.shown

    def end(self) -> int:
        """Its exit status."""
        self.read_until(lambda _: False)
        os.close(self._ours)
        return self.process.wait(30)


def test_each_exit_status_on_a_terminal(commands: Service, tmp_path: Path) -> None:
    """0 done, 1 refused, 2 wrong, 3 unreachable, 4 a wait ran out, 5 a condition does not hold."""
    commands.runnable()
    commands.ticket()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    ends = {
        "app cat": (0, "name:"),
        "app nothere": (1, "visor: There is no app nothere"),
        "app cat --nothere": (2, "unrecognized arguments: --nothere"),
        f"app cat --url {away}": (3, f"visor: No answer from {away}"),
        "instance wait 1 --for running --timeout 0": (4, "instance 1 is pending"),
        "env set cat a=b --if-rev 1": (5, "It has changed since"),
    }
    commands.put("/apps/cat/env/k", {"value": "v"})
    started = {line: Terminal(line, commands.url, tmp_path) for line in ends}
    for line, (status, says) in ends.items():
        assert started[line].end() == status, started[line].shown
        assert says in started[line].shown
        assert "Traceback" not in started[line].shown


def test_what_is_watched_is_drawn_anew_in_its_place_until_ctrl_c(commands: Service, tmp_path: Path) -> None:
    clear = "\x1b[H\x1b[2J"
    screen = Terminal("service list -w", commands.url, tmp_path)
    screen.read_until(lambda shown: "no services" in shown)
    commands.made("/services", {"name": "watched"})
    screen.read_until(lambda shown: "watched" in shown)
    assert screen.shown.count(clear) >= 2
    assert "no services" not in screen.shown.rpartition(clear)[2], "it stands in the place of what was"
    screen.process.send_signal(signal.SIGINT)
    assert screen.end() == 130
    assert "Traceback" not in screen.shown
