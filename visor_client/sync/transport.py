"""One call: its tries, its time-outs, and what its answer means."""

import json
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx2
from tenacity import Retrying, retry_if_exception, stop_before_delay

from visor_client import options
from visor_client.connections import LIMITS
from visor_client.decoding import read
from visor_client.options import query
from visor_client.problems import ClientError, Problem, Unreachable
from visor_client.records import Record
from visor_client.retrying import pause, problem_of, repeatable, unreachable
from visor_client.sync.listing import Listing
from visor_client.trust import verification

R = TypeVar("R", bound=Record)

_READS = ("GET", "HEAD")


class Transport:
    """What all calls are made by."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        actor: str | None = None,
        timeout: float = 10.0,
        retry_for: float = 30.0,
        ca: str | None = None,
        cert: str | None = None,
        key: str | None = None,
        http: httpx2.Client | None = None,
    ) -> None:
        """`timeout` is for each try, beyond the seconds that a call asks the service to wait; `retry_for` is
        how long tries go on. `ca` is a file with the authorities that are trusted in the place of the
        system's, `cert` and `key` files with a client's certificate; ValueError where they are no good.
        `http` is a client of your own, for a proxy."""
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.retry_for = retry_for
        self._headers = {"User-Agent": "visor-client"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if actor:
            self._headers["Visor-Actor"] = actor
        self._http = http or httpx2.Client(verify=verification(url, ca, cert, key), limits=LIMITS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: options.Query | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        wait: float = 0,
        content_type: str = "application/json",
    ) -> httpx2.Response:
        """The answer, where it is a success; else raises a Problem or Unreachable. For what has no call of
        its own. A read, or a call with an `Idempotency-Key` or a condition, is repeated where no answer
        has come."""
        sent = {**self._headers, **(headers or {})}
        content = None
        if body is not None:
            content = json.dumps(body, separators=(",", ":")).encode()
            sent["Content-Type"] = content_type
        safe = method in _READS or not sent.keys().isdisjoint(_CONDITIONS)
        tries = Retrying(
            retry=retry_if_exception(repeatable(safe=safe)),
            stop=stop_before_delay(self.retry_for),
            wait=pause,
            sleep=time.sleep,
            reraise=True,
        )
        unknown = False
        for attempt in tries:
            with attempt:
                try:
                    return self._once(method, path, params, content, sent, wait)
                except ClientError as error:
                    if isinstance(error, Problem):
                        error.repeated = unknown
                    if isinstance(error, (Problem, Unreachable)):
                        unknown = unknown or error.outcome == "unknown"
                    raise
        raise AssertionError("the last try returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        params: options.Query | None,
        content: bytes | None,
        headers: dict[str, str],
        wait: float,
    ) -> httpx2.Response:
        try:
            answer = self._http.request(
                method,
                self.url + path,
                params=params,
                content=content,
                headers=headers,
                timeout=httpx2.Timeout(self.timeout, read=self.timeout + wait),
            )
        except httpx2.TransportError as error:
            raise unreachable(error, self.url, read=method in _READS) from error
        if not answer.is_success:
            raise problem_of(answer)
        return answer

    def open(
        self, path: str, params: options.Query, headers: dict[str, str], silence: float
    ) -> httpx2.Response:
        """An answer that is read as it comes, of whatever status: to be closed. One that is silent for so
        many seconds is cut."""
        request = self._http.build_request(
            "GET",
            self.url + path,
            params=params,
            headers={**self._headers, "Accept": "text/event-stream", "Cache-Control": "no-store", **headers},
            timeout=httpx2.Timeout(self.timeout, read=silence),
        )
        return self._http.send(request, stream=True)

    def get(self, kind: type[R], path: str, moment: options.Moment, patience: float = 0, **more: Any) -> R:
        """What is at a path."""
        params = query({**moment, **more})
        return _record(kind, self.request("GET", path, params=params, wait=patience))

    def list(
        self, kind: type[R], path: str, moment: options.Moment, limit: int | None = None, /, **more: Any
    ) -> Listing[R]:
        """What a list has, page by page."""
        fields = query({**moment, **more, "limit": limit})

        def page(cursor: str | None) -> dict[str, Any]:
            params = fields if cursor is None else [*_unpinned(fields), ("cursor", cursor)]
            answer = self.request("GET", path, params=params)
            body: dict[str, Any] = answer.json()
            return body

        return Listing(page, kind)

    def write(
        self,
        kind: type[R],
        method: str,
        path: str,
        given: options.Write,
        body: Any = None,
        wait: float = 0,
        **more: Any,
    ) -> R:
        """What a change has made. A POST is given an `Idempotency-Key`, the same for all its tries."""
        return _record(kind, self.send(method, path, given, body, wait, **more))

    def upload(
        self, kind: type[R], path: str, parts: Iterable[bytes], given: options.Write, **more: Any
    ) -> R:
        """What a change has made whose body is sent part by part, as the service takes it: it cannot be sent
        again. A commit may keep it waiting, and so may the last of many."""
        try:
            answer = self._http.request(
                "POST",
                self.url + path,
                params=query({**more, "dry_run": given.get("dry_run") or None}),
                content=parts,
                headers={**self._headers, **options.headers(given), "Content-Type": "application/x-ndjson"},
                timeout=httpx2.Timeout(self.timeout, read=_UPLOAD, write=_UPLOAD),
            )
        except httpx2.TransportError as error:
            raise unreachable(error, self.url, read=False) from error
        if not answer.is_success:
            raise problem_of(answer)
        return _record(kind, answer)

    def send(
        self, method: str, path: str, given: options.Write, body: Any = None, wait: float = 0, **more: Any
    ) -> httpx2.Response:
        """The answer to a change."""
        headers = options.headers(given)
        if method == "POST":
            headers["Idempotency-Key"] = str(given.get("key") or uuid4())
        return self.request(
            method,
            path,
            params=query({**more, "dry_run": given.get("dry_run") or None}),
            body=body,
            headers=headers,
            wait=wait,
            content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
        )


_UPLOAD = 60.0
"""Seconds without a sign of a service that takes in what is sent."""

_CONDITIONS = ("Idempotency-Key", "If-Match", "If-None-Match")


def _unpinned(params: options.Query) -> options.Query:
    """Without the moment, which a cursor has in itself."""
    return [(name, value) for name, value in params if name not in ("rev", "at", "consistency")]


def _record(kind: type[R], answer: httpx2.Response) -> R:
    rev = answer.headers.get("Visor-Rev")
    return read(kind, answer.json(), snapshot_rev=None if rev is None else int(rev))
