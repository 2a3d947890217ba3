"""The audit trail: who made which request, and its outcome, one JSON object a line. It has every write,
every 401 and 403, and every read of secrets; never a query string, a header or a body. It goes to the
file that the setting `audit_log` names; where that names none, to the ordinary log, at level `info`.
"""

import itertools
import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

from app.errors import RequestError
from app.http.permits import READS
from app.models.base import rfc3339

logger = logging.getLogger("visor.audit")

_REFUSED = frozenset({401, 403})

MAX_NAME = 256
"""Characters of a name that are kept: nobody has checked those of a request that is refused."""

_numbers = itertools.count(1)
_process = os.urandom(4).hex()


def wanted(method: str, status: int | None) -> bool:
    """Whether the request has its line. To read secrets is a POST."""
    return (method not in READS or status in _REFUSED) and logger.isEnabledFor(logging.INFO)


def note(
    *,
    method: str,
    path: str,
    status: int | None,
    template: str | None = None,
    rev: str | None = None,
    peer: str | None = None,
    token_id: str | None = None,
    token_name: str | None = None,
    certificate: str | None = None,
    error: RequestError | None = None,
) -> None:
    """The line of one request that is over. The status is null where the client left before there was one."""
    entry: dict[str, Any] = {
        "at": rfc3339(datetime.now(UTC)),
        "request": f"{_process}-{next(_numbers)}",
        "token_id": token_id,
        "token_name": token_name,
        "certificate": certificate,
        "peer": peer,
        "method": method[:16],
        "route": template,
        "names": _names(template, path),
        "status": status,
        "code": None if error is None else error.code,
        "rev": int(rev) if rev is not None and rev.isdecimal() else None,
        "reason": error.detail if error is not None and error.status in _REFUSED else None,
    }
    # Of a log in JSON the entry is members of the line, and not a text inside.
    fields = {**entry, "message": f"{entry['method']} {template or '-'} {status}"}
    record = logger.makeRecord(
        logger.name, logging.INFO, "", 0, json.dumps(entry), (), None, extra={"fields": fields}
    )
    logger.handle(record)


def _names(template: str | None, path: str) -> dict[str, str]:
    """What the path names, by the names that the route gives these."""
    if template is None:
        return {}
    parts = zip(template.split("/"), path.split("/"), strict=False)
    return {part[1:-1]: given[:MAX_NAME] for part, given in parts if part.startswith("{")}
