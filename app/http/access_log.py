"""One line in the log for each request."""

import logging
import re
from typing import Any
from urllib.parse import quote

logger = logging.getLogger("visor.access")

_LINE = "%s %s %s %sms rev %s"
_TRACED = _LINE + " trace %s"
_SAFE = "/:@,~"
_PLAIN = re.compile(rf"[A-Za-z0-9_.{_SAFE}-]*\Z").match

MAX_PATH = 1024
"""Characters of a path that are logged."""


def log_request(
    method: str,
    path: str,
    status: int | None,
    seconds: float,
    rev: str | None,
    level: int,
    trace: str | None = None,
) -> None:
    """The line of one request that is over: method, path, status, duration, rev, and the trace it is part of.

    Never the query string, headers or body: they may hold what nobody should read in a log. The path is
    percent-encoded, so that it can hold neither a blank nor a line break. The status is `-` where the client
    left before there was one.
    """
    method, path = _plain(method[:16]), _plain(path[:MAX_PATH])
    duration = round(seconds * 1000, 1)
    fields: dict[str, Any] = {
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": duration,
        "rev": int(rev) if rev is not None and rev.isdecimal() else None,
    }
    values: tuple[object, ...] = (
        method,
        path,
        "-" if status is None else status,
        duration,
        "-" if rev is None else rev,
    )
    line = _LINE
    if trace is not None:
        fields["trace"] = trace
        line, values = _TRACED, (*values, trace)
    # Made here, for `logger.info` would look through the stack for a place that no line shows.
    logger.handle(logger.makeRecord(logger.name, level, "", 0, line, values, None, extra={"fields": fields}))


def _plain(text: str) -> str:
    return text if _PLAIN(text) else quote(text, safe=_SAFE, errors="replace")
