"""Refusals that the server makes itself, before a request reaches the front, in the same form as all
errors."""

import logging
from collections.abc import Sequence

from app.errors import RequestError
from app.http import access_log, audit
from app.http.cors import Cors
from app.http.header_lists import joined
from app.http.hosts import Hosts
from app.http.metrics import METHODS, OTHER, Metrics
from app.http.responses import RawHeaders


class Refusals:
    """Has a refusal say what pages of other origins may read, and counts and logs it."""

    def __init__(self, hosts: Hosts, cors: Cors, metrics: Metrics) -> None:
        self._hosts = hosts
        self._cors = cors
        self._metrics = metrics

    def judge(
        self, error: RequestError, method: str, headers: Sequence[tuple[bytes, bytes]]
    ) -> tuple[RequestError, RawHeaders]:
        """What is answered instead, with which headers: a foreign page learns no more than that it is one.
        `headers` are those of the request, as far as they have come."""
        fields = joined(headers)
        try:
            # Two Host lines name no host that could be judged: that is what is wrong, and is said.
            if sum(name == b"host" for name, _ in headers) < 2:
                self._hosts.check(fields)
            self._cors.check(method, fields)
        except RequestError as foreign:
            error = foreign
        origin = fields.get(b"origin")
        return error, [] if origin is None else self._cors.headers(origin)

    def record(self, error: RequestError, method: str, path: str) -> None:
        """Have it counted and written into the log. Method and path are empty where none could be read."""
        label = method if method in METHODS else OTHER
        self._metrics.record(label, OTHER, error.status, None)
        if method and audit.wanted(method, error.status):
            audit.note(method=method, path=path, status=error.status, error=error)
        if access_log.logger.isEnabledFor(logging.INFO):
            access_log.log_request(method or "-", path or "-", error.status, 0.0, None, logging.INFO)
