"""What `visor serve` says when it has started."""

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app import __version__
from tests.cli.running import started


def first_line(serving: "subprocess.Popen[bytes]", wanted: bytes) -> bytes:
    """The first line of standard error that has it."""
    assert serving.stderr is not None
    for line in serving.stderr:
        if wanted in line:
            return line
    raise AssertionError("it has ended without saying so")


@pytest.mark.parametrize("store", ["memory:", "sqlite:///s.db"])
def test_one_line_of_json_says_where_it_listens(tmp_path: Path, store: str) -> None:
    """Also where the system has chosen the port: nobody else can know it."""
    flags = ["--store", store, "--port", "0", "--log-format", "json"]
    serving = started("serve", *flags, stderr=subprocess.PIPE, cwd=tmp_path)
    try:
        assert serving.stderr is not None
        said: dict[str, Any] = json.loads(serving.stderr.readline())
        assert said["event"] == "listening", "it is the first line"
        assert said["url"] == f"http://127.0.0.1:{said['port']}"
        assert (said["version"], said["store"]) == (__version__, store)
        assert (said["rev"], said["oldest_rev"], said["host"]) == (0, 0, "127.0.0.1")
        assert httpx2.get(f"{said['url']}/readyz", timeout=60).status_code == 200
    finally:
        serving.send_signal(signal.SIGTERM)
        rest = serving.communicate(timeout=60)[1]
    assert serving.returncode == 0
    assert rest.count(b'"listening"') == 0


def test_one_line_of_text_says_where_it_listens(tmp_path: Path) -> None:
    serving = started(
        "serve", "--port", "0", "--host", "0.0.0.0", "--insecure", stderr=subprocess.PIPE, cwd=tmp_path
    )
    try:
        said = first_line(serving, b"listens at").decode()
        pattern = r"Visor \S+ listens at (http://localhost:\d+), on the store sqlite:///./visor.db at rev 0"
        assert httpx2.get(f"{re.search(pattern, said)[1]}/livez", timeout=60).status_code == 200  # type: ignore[index]
    finally:
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=60)


def test_a_terminal_is_told_where_to_go_and_how_to_end_it(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    serving = started(
        *("serve", "--port", "0", "--history", "5000"), stderr=theirs, stdin=theirs, cwd=tmp_path
    )
    os.close(theirs)
    said = ""
    while "Ctrl-C" not in said:
        said += os.read(ours, 10_000).decode()
    lines = said.replace("\r", "").splitlines()
    url = lines[1].split()[1]
    assert lines[:6] == [
        f"Visor {__version__}",
        f"  serving   {url}",
        lines[2],
        "  history   from rev 0 on; at most 5,000 revs",
        "  for       everybody on this machine; `visor token create` makes the first token",
        f"  look      {url}/ui, and {url}/docs for the API",
    ]
    assert re.fullmatch(r"  store     sqlite:///./visor\.db, at rev 0, \d\.\d MB", lines[2])
    assert [httpx2.get(f"{url}/{page}", timeout=60).status_code for page in ("ui", "docs")] == [200, 200]
    serving.send_signal(signal.SIGINT)
    assert serving.wait(60) == 0
    os.close(ours)
