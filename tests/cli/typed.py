"""Commands run in this process, as a pipe or a terminal sees them."""

import io
import os
import pty
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple

from app.cli.main import main


class Done(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str


def typed(line: str) -> Done:
    """`visor LINE`, its output in a pipe."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(shlex.split(line))
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, out.getvalue(), err.getvalue())


def printed(line: str) -> str:
    """What a command that has to succeed prints."""
    done = typed(line)
    assert done == (0, done.out, ""), done
    return done.out


@contextmanager
def _terminal() -> Iterator[list[str]]:
    """Standard output is a terminal; the list has what it showed, when it is left."""
    ours, theirs = pty.openpty()
    parts: list[bytes] = []
    shown: list[str] = []

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                return
            if not part:
                return
            parts.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    before = sys.stdout
    sys.stdout = os.fdopen(theirs, "w", encoding="utf-8")
    try:
        yield shown
    finally:
        sys.stdout.close()
        sys.stdout = before
        reader.join(30)
        os.close(ours)
        shown.append(b"".join(parts).decode().replace("\r\n", "\n"))


def on_terminal(line: str) -> str:
    """What a command that has to succeed shows on a terminal."""
    with _terminal() as shown:
        status = main(shlex.split(line))
    assert status == 0, shown
    return shown[0]


def plain(text: str) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[\d+m", "", text)
