"""What the service writes to its log, and how: one line an entry, for people or for machines."""

import asyncio
import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from typing import Any, TextIO

from app.errors import StartError

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")

# Control characters (of C1 too) and those that turn or break a line in a terminal.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def neutralised(text: str) -> str:
    """The text with its control characters escaped, so that it can neither end a line of the log
    nor steer a terminal."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def configure(log_format: str = "text", log_level: str = "info", stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to `stream` (stderr). May be called again.

    `log_format` is one of FORMATS, `log_level` one of LEVELS; ValueError otherwise.
    """
    if log_format not in FORMATS:
        raise ValueError(f"log_format has to be one of {', '.join(FORMATS)}")
    if log_level not in LEVELS:
        raise ValueError(f"log_level has to be one of {', '.join(LEVELS)}")
    handler = TurnHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    # What no line shows need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, JsonFormatter | TextFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # It writes query strings.
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False


class PrivateFile(WatchedFileHandler):
    """A file for its owner alone, made anew where it was moved away."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def audit_to(file: str) -> None:
    """Have the audit trail written to the file, which the service's own user alone may read. One that is
    moved away, as logrotate does, is made anew. Raises StartError."""
    try:
        handler = PrivateFile(file)
    except OSError as error:
        raise StartError(f"audit_log: {file} cannot be written ({error.strerror})") from None
    handler.setFormatter(logging.Formatter("%(message)s"))
    audit = logging.getLogger("visor.audit")
    for old in list(audit.handlers):
        audit.removeHandler(old)
        old.close()
    audit.addHandler(handler)
    audit.setLevel(logging.INFO)
    audit.propagate = False


_SAID_BY_US = (
    "Started server process",
    "Waiting for application startup",
    "Application startup complete",
    "Uvicorn running on",
)


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn tells its start in four lines; ours is one (`app.cli.greeting`)."""
    return not str(record.msg).startswith(_SAID_BY_US)


class TurnHandler(logging.Handler):
    """Writes lines to a stream: those of one turn of the event loop together, at its end. To write gives up
    the interpreter, to whichever thread wants it, and wakes who reads the log.

    A warning goes out at once, with all before it; so does what is said where no loop runs.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []
        self._last: logging.LogRecord | None = None
        self._turn: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record) + "\n")
            self._last = record
            if record.levelno >= logging.WARNING or not self._has_a_turn():
                self.flush()
        except Exception:
            self.handleError(record)

    def _has_a_turn(self) -> bool:
        """Whether the lines go out at the end of the turn that is running here."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._turn is None:
            self._turn = running
            running.call_soon(self.flush)
        return self._turn is running

    def flush(self) -> None:
        self.acquire()
        try:
            lines, last = self._lines, self._last
            self._lines, self._last, self._turn = [], None, None
            if last is not None:
                try:
                    self._stream.write("".join(lines))
                    self._stream.flush()
                except Exception:
                    self.handleError(last)
        finally:
            self.release()


def _at(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """`<time> <LEVEL> <logger>: <message>`; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_at(record)} {record.levelname} {record.name}: {neutralised(record.getMessage())}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, the members of the record's
    `fields` (see `visor.access`), and `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": neutralised(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)
