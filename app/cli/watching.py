"""`-w`: a command that is drawn anew when something happens."""

import sys
import threading
import time
from typing import TYPE_CHECKING

from visor_client import ClientError

if TYPE_CHECKING:
    from app.cli.calling import Calling, Run

_CLEAR = "\x1b[H\x1b[2J"
_GATHER = 0.2
"""Seconds: what happens meanwhile is drawn together."""


def watch(calling: "Calling", run: "Run") -> int:
    """Draw; then again after each event, until Ctrl-C. Raises ClientError."""
    happened = threading.Event()
    failed: list[ClientError] = []
    stream = calling.visor.events(since=calling.visor.get_rev().rev)

    def follow() -> None:
        try:
            for _ in stream:
                happened.set()
        except ClientError as error:
            failed.append(error)
            happened.set()

    threading.Thread(target=follow, daemon=True).start()
    while not failed:
        happened.clear()
        sys.stdout.write(_CLEAR if calling.out.terminal else "")
        run(calling)
        sys.stdout.write("" if calling.out.terminal else "\n")
        sys.stdout.flush()
        happened.wait()
        time.sleep(_GATHER)
    raise failed[0]
