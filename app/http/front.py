"""The one way of a request: its permit, its route, its body, its function, its answer, its record."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.responses import Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from app.errors import CoordinatorUnavailable, MethodNotAllowed, NotFound, RequestError
from app.http import access_log, audit
from app.http.access import Access, check, needs_own_page
from app.http.admission import Admission
from app.http.body import Bodies, refusal
from app.http.context import Call
from app.http.cors import Cors
from app.http.endpoint import RouteEndpoint
from app.http.given import Given
from app.http.hosts import Hosts
from app.http.json_body import ACCEPT_PATCH
from app.http.metrics import METHODS, OTHER, Metrics
from app.http.origin import trace_of
from app.http.permits import ALWAYS_SERVED, READS, Permit
from app.http.principal import Principal
from app.http.ready_answer import ReadyAnswer
from app.http.responses import fault_response, problem_response, with_standard_headers
from app.http.routes import Routes, methods_of
from app.registry.permissions import Row


class Front:
    """The ASGI application. `lifespan` is entered when the server starts and left when it ends; `rev` gives
    the `Visor-Rev` of answers that name none themselves. `root_path` is the prefix under which clients see
    the service: a proxy takes it away, and answers that name a path have it."""

    def __init__(
        self,
        routes: Routes,
        *,
        admission: Admission,
        bodies: Bodies,
        metrics: Metrics,
        hosts: Hosts,
        cors: Cors,
        access: Access,
        rev: Callable[[], int],
        lifespan: Callable[[], AbstractAsyncContextManager[None]],
        root_path: str = "",
    ) -> None:
        self._routes = routes
        self._capacity, self._clients = admission.capacity, admission.clients
        self._bodies = bodies
        self._metrics = metrics
        self._hosts = hosts
        self._cors = cors
        self._access = access
        self._rev = rev
        self._root_path = root_path
        self._lifespan = Router(lifespan=lambda _: lifespan())

    async def __call__(self, scope: Scope, receive: Receive, send: Send, given: Given | None = None) -> None:
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        began = time.perf_counter()
        given = given or Given()
        # As the server has taken it when the headers had come, or a new one.
        permit = given.permit or Permit(self._capacity, writes=scope["method"] not in READS)
        call = Call(scope, receive, send, permit, given)
        try:
            await self._send(call, await self._respond(call))
        except asyncio.CancelledError:
            # The time to end requests is over, and the server answers so.
            call.status = call.status or 503
            raise
        except Exception:
            call.status = call.status or 500
            raise
        finally:
            call.permit.end()
            self._record(call, time.perf_counter() - began)

    async def _respond(self, call: Call) -> Response:
        scope = call.scope
        path: str = scope["path"]
        parts = path.removeprefix(scope.get("root_path", "")).split("/")
        is_counted = path not in ALWAYS_SERVED
        rev: int | None = None
        try:
            if not call.is_known:
                self._look(call)
            if call.method == "OPTIONS":
                return self._options(call, parts)
            if is_counted and call.given.permit is None:
                call.permit.take()
            endpoint = self._endpoint(call, parts)
            row, looked_at = endpoint.row, self._rev()
            principal = self._known(call) if not row.open else self._access.nobody
            if principal is None or call.method not in READS or principal.scope(row) is None:
                await self._admit(call, row, principal)
            else:
                # As `_admit` does, for a read that is not to be refused, at a part of its price.
                call.principal = principal
            rev = looked_at
            if is_counted:
                self._count(call)
            if endpoint.reads_body:
                call.content = await self._bodies.read(call)
            elif endpoint.streams_body:
                call.parts = self._bodies.parts(call)
            answer = await endpoint(call, parts)
            if rev != self._rev() or call.permit.waited:
                await self._hold_to_now(call, answer.status_code)
            return answer
        except RequestError as error:
            call.error = await self._refused(call, error, rev)
            if call.sends_body:
                return refusal(call, call.error, self._root_path)
            return problem_response(call.error, self._root_path)
        except Exception:
            return fault_response(call.method, self._root_path)

    async def _refused(self, call: Call, error: RequestError, rev: int | None) -> RequestError:
        """The refusal of the call, by now: its token was looked at as of `rev`; None where it was not."""
        if rev is not None and call.method in READS and (rev != self._rev() or call.permit.waited):
            try:
                await self._hold_to_now(call)
            except RequestError as now:
                error = now
        # Without the frames that it came through: they hold the call, and neither would go by itself.
        return error.with_traceback(None)

    async def _hold_to_now(self, call: Call, status: int = 0) -> None:
        """Raises Unauthenticated or Forbidden where the call would be refused by now, CoordinatorUnavailable
        where it would be shown less. A read may have waited, and tell of what was committed since its token
        was looked at; a write that was made was judged in its transaction, and is told."""
        before = call.principal
        if call.method not in READS and status != 204:
            return
        if self._access.still(before):
            return
        await self._admit(call, call.row, self._known(call))
        if not call.principal.sight.covers(before.sight):
            raise CoordinatorUnavailable("What this token may see has changed meanwhile. Ask again.")

    def _known(self, call: Call) -> Principal | None:
        return self._access.known(call.fields, call.given.certificate, call.given.peer)

    async def _admit(self, call: Call, row: Row, known: Principal | None) -> None:
        """Hold the call to who asks: `known` by what is held here, else by the state that is confirmed now.
        Raises Unauthenticated, Forbidden, CoordinatorUnavailable."""
        if row.open:
            call.principal = self._access.nobody
            return
        call.principal = known or await self._access.find(call.fields, call.given.certificate)
        check(call.principal, row)
        if call.method not in READS and needs_own_page(call.principal, call.fields):
            self._cors.check_session(call.fields)

    def _count(self, call: Call) -> None:
        """Count the request for the client that asks. Raises TooManyRequests."""
        principal, peer = call.principal, call.given.peer
        if peer is not None and peer.counted is principal:
            client = peer.client
        else:
            client = self._clients.of(principal, peer)
            if peer is not None:
                peer.speaks_for(client, principal)
        if client is not None:
            call.permit.count_for(client)

    def _look(self, call: Call) -> None:
        """Look at what the head says by itself. Raises UnknownHost, ForeignOrigin."""
        self._hosts.check(call.fields)
        self._cors.check(call.method, call.fields)
        self._bodies.look(call)
        peer = call.given.peer
        if peer is not None and not call.sends_body:
            peer.keep(call.method, call.scope["headers"], call.fields)

    def _endpoint(self, call: Call, parts: list[str]) -> RouteEndpoint:
        """What answers the call. Raises NotFound, MethodNotAllowed, BodyTooLarge."""
        endpoint = self._routes.find(call.method, parts)
        if call.too_long and not (endpoint is not None and endpoint.streams_body):
            self._bodies.refuse_too_long()
        if endpoint is None:
            raise self._unknown(call, parts)
        call.template, call.row = endpoint.template, endpoint.row
        return endpoint

    def _unknown(self, call: Call, parts: list[str]) -> RequestError:
        """The refusal of a request that no route answers."""
        fitting = self._routes.fitting(parts)
        if not fitting:
            return NotFound("There is no such path. GET /openapi.json lists those there are.")
        call.template = fitting[0].template
        allowed = ", ".join(methods_of(fitting))
        return MethodNotAllowed(
            f"{call.method[:16]} is not allowed here; allowed: {allowed}.", headers={"Allow": allowed}
        )

    def _options(self, call: Call, parts: list[str]) -> Response:
        """What may be asked of the path, and by pages of which origins."""
        fitting = self._routes.fitting(parts)
        if fitting:
            call.template = fitting[0].template
        methods = methods_of(fitting)
        headers = [(b"allow", ", ".join(methods or ["OPTIONS"]).encode())]
        if "PATCH" in methods:
            headers.append((b"accept-patch", ACCEPT_PATCH.encode()))
        return ReadyAnswer(b"", 204, headers + self._cors.preflight(call.fields))

    async def _send(self, call: Call, response: Response) -> None:
        scope = call.scope
        headers = with_standard_headers(
            response.raw_headers, self._rev, call.lasting and response.status_code in (200, 304)
        )
        if self._root_path:
            headers = [self._below_root(*header) for header in headers]
        if b"origin" in call.fields:
            headers += self._cors.headers(call.fields[b"origin"])
        call.status, call.answered = response.status_code, headers
        # Before the answer: what was given to somebody is not to be missing where the process is killed.
        if (call.permit.writes or call.status >= 400) and audit.wanted(call.method, call.status):
            self._audit(call)
        body: Any = getattr(response, "body", None)
        if body is None and not call.is_head:
            response.raw_headers = headers
            await response(scope, call.receive, call.send)
            return
        content = b"" if call.is_head else bytes(body)
        if not call.given.answer_whole(call.status, headers, content):
            await call.send({"type": "http.response.start", "status": call.status, "headers": headers})
            await call.send({"type": "http.response.body", "body": content})

    def _below_root(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        """A header as clients need it that see the service below a prefix."""
        return (name, self._root_path.encode() + value) if name == b"location" else (name, value)

    def _audit(self, call: Call) -> None:
        scope = call.scope
        principal: Principal | None = getattr(call, "principal", None)
        client = scope.get("client")
        audit.note(
            method=scope["method"],
            path=scope["path"].removeprefix(scope.get("root_path", "")),
            status=call.status,
            template=call.template,
            rev=next((value.decode() for name, value in call.answered if name == b"visor-rev"), None),
            peer=client[0] if client else None,
            token_id=None if principal is None else principal.id,
            token_name=None if principal is None or principal.hosts else principal.name,
            certificate=principal.name if principal is not None and principal.hosts else None,
            error=call.error,
        )

    def _record(self, call: Call, seconds: float) -> None:
        """Have the request counted and written into the log."""
        method: str = call.scope["method"]
        if call.status is not None:
            timed = None if call.permit.waited else seconds
            label = method if method in METHODS else OTHER
            self._metrics.record(label, call.template or OTHER, call.status, timed)
        # What has its answer was judged before that went out.
        if not call.answered and audit.wanted(method, call.status):
            self._audit(call)
        # Probes are asked every few seconds, and say something only where they fail.
        quiet = call.status == 200 and call.scope["path"] in ALWAYS_SERVED
        level = logging.DEBUG if quiet else logging.INFO
        if access_log.logger.isEnabledFor(level):
            rev = next((value.decode() for name, value in call.answered if name == b"visor-rev"), None)
            given = call.fields.get(b"traceparent")
            trace = None if given is None else trace_of(given.decode("latin-1"))
            access_log.log_request(method, call.scope["path"], call.status, seconds, rev, level, trace)
