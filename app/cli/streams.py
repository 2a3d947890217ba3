"""Standard input and output as files: `-` in the place of a name."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj

from app.errors import StartError

STANDARD = "-"


def write_out(file: Path, command: str) -> None:
    """Write a file to standard output. Raises StartError."""
    if sys.stdout.isatty():
        raise StartError(f"`visor {command} -` writes what no terminal shows: send it to a file with >")
    with file.open("rb") as source, _as_start_error("standard output cannot be written"):
        copyfileobj(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def read_in(file: Path, command: str) -> None:
    """Write what comes from standard input to a file that is there and empty. Raises StartError."""
    if sys.stdin.isatty():
        raise StartError(f"`visor {command} -` reads from standard input: send it a file with <")
    with (
        file.open("wb") as target,
        _as_start_error(f"what came from standard input cannot be kept in {file.parent}"),
    ):
        copyfileobj(sys.stdin.buffer, target)
    if not file.stat().st_size:
        raise StartError("standard input was empty: the command that should have written to it has failed")


@contextmanager
def _as_start_error(what: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads it has enough
    except OSError as error:
        raise StartError(f"{what} ({error.strerror})") from error
