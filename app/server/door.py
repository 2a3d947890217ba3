"""A connection whose requests ask for a place as soon as their headers have come."""

import json
from http import HTTPStatus

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import RequestError, TooManyRequests
from app.http.admission import Waiting
from app.http.given import ANSWER, BODY, SLOT
from app.http.places import Slot
from app.http.stamp import RawHeaders
from app.server.config import EdgeConfig
from app.server.whole_answer import answer_whole

SHORT = 16 * 1024
"""Bytes of a body that is given to the application ready, besides what there is to be received."""


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol with a door before the application.

    A request for which there is no place when its headers have come waits at the door, and what has come of
    its body with it. It is let in, or turned away: it is answered then, what it still sends is dropped, and
    the connection goes on.
    """

    config: EdgeConfig

    _at_door: Waiting | None = None
    _kept: bytearray
    _whole = False
    _turned_away = False
    _keeps_alive = True
    _came = 0

    def connection_lost(self, exc: Exception | None) -> None:
        if self._at_door is not None:
            self._at_door.leave()
        super().connection_lost(exc)
        if self.scope is not None:
            self.scope["state"].pop(ANSWER, None)

    def on_message_begin(self) -> None:
        # Answers are given in the order of their requests: there is no more waiting for the last one's turn.
        self._leave_door()
        self._turned_away = False
        self._came = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # One that is sent before the last is answered has to wait for its turn to be refused, too.
        if self._answering():
            super().on_headers_complete()
            return
        admission, place = self.config.admission, None
        if admission is not None:
            method = self.parser.get_method().decode("ascii")
            place = admission.place(method, self.url, self.headers, self)
        if not isinstance(place, Waiting):
            self._begin(place)
            return
        self._at_door = place
        # The parser forgets it with the end of the request.
        self._keeps_alive = self.parser.should_keep_alive()
        self._kept, self._whole = bytearray(), False
        # Not read from while it waits, it costs nothing then.
        self.flow.pause_reading()

    def _begin(self, slot: Slot | None) -> None:
        try:
            super().on_headers_complete()
        except BaseException:
            # No task has come of it that would give the place back.
            if slot is not None:
                slot.release()
            raise
        state = self.scope["state"]
        # Not the cycle's own: that and its scope would hold one another until the garbage collector comes.
        state[ANSWER] = self._answer_whole
        if slot is not None:
            state[SLOT] = slot

    def _answer_whole(self, scope: Scope, status: int, headers: RawHeaders, body: bytes) -> bool:
        # Another request may have come behind it meanwhile.
        return self.cycle.scope is scope and answer_whole(self.cycle, status, headers, body)

    def let_in(self, slot: Slot) -> None:
        """The request that has waited at the door has its place: all that came meanwhile, once more."""
        self._at_door = None
        if self.transport.is_closing():
            slot.release()
            return
        self.flow.resume_reading()
        try:
            self._begin(slot)
        except Exception:
            # What the parser would have made of it, had it happened there: a target that is no URL.
            self.send_400_response("")
            return
        self.cycle.keep_alive = self.cycle.keep_alive and self._keeps_alive
        if self._kept:
            self._take(bytes(self._kept))
            self._kept = bytearray()
        if self._whole:
            self._end()
        self._idle()

    def on_body(self, body: bytes) -> None:
        if self._at_door is not None:
            self._kept += body
            if len(self._kept) > self.config.max_header:
                self._leave_door()
        elif not self._turned_away:
            self._take(body)

    def _take(self, body: bytes) -> None:
        self._came += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._at_door is not None:
            self._whole = True
        elif not self._turned_away:
            self._end()
        elif not self._keeps_alive:
            self.transport.close()

    def _end(self) -> None:
        super().on_message_complete()
        body = self.cycle.body
        # Not where some of it has been received already.
        if len(body) == self._came <= SHORT:
            self.scope["state"][BODY] = bytes(body)

    def shutdown(self) -> None:
        self._leave_door()
        super().shutdown()

    def _leave_door(self) -> None:
        """Have a request that waits turned away at once."""
        if self._at_door is not None and self.config.admission is not None:
            self.config.admission.refuse(self._at_door)

    def turn_away(self, error: TooManyRequests) -> None:
        """Answer the request that has waited at the door; its connection goes on where its client would have
        it so."""
        self._at_door = None
        self._turned_away = True
        self._kept = bytearray()
        if self.transport.is_closing():
            return
        keeps_alive = self._keeps_alive and not self.expect_100_continue
        self.transport.write(self._answer(error, close=not keeps_alive))
        self.flow.resume_reading()
        if self.expect_100_continue:
            # It has not sent its body and will not; what it sends next could be taken for it.
            self._linger()
        elif self._keeps_alive or not self._whole:
            self._idle()
        else:
            self.transport.close()

    def _answering(self) -> bool:
        return self._at_door is not None or (self.cycle is not None and not self.cycle.response_complete)

    def _answer(self, error: RequestError, *, close: bool) -> bytes:
        """The bytes of an answer that the application has no part in."""
        body = (
            b""
            if self.scope and self.parser.get_method() == b"HEAD"
            else json.dumps(error.problem()).encode()
        )
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
        ]
        if close:
            headers.append((b"connection", b"close"))
        if self.config.rev is not None:
            headers.append((b"visor-rev", b"%d" % self.config.rev()))
        status = HTTPStatus(error.status)
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), lines, body)

    def _idle(self) -> None:
        """The client's next word is awaited, or the rest of this one."""
        raise NotImplementedError

    def _linger(self) -> None:
        """Read on for a moment, so that the answer is seen, and close."""
        raise NotImplementedError
