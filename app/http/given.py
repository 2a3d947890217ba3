"""What the server gives the application with a request, as a fourth argument beside those of ASGI."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Scope

from app.http.certificate import Certificate
from app.http.clients import Peer
from app.http.permits import Permit
from app.http.responses import RawHeaders

Answer = Callable[[Scope, int, RawHeaders, bytes], bool]
"""Answers the request of this scope with a status, headers and a body whose length they tell, in one call to
the kernel; False, with nothing said, where it has to be sent piece by piece."""


@dataclass(slots=True)
class Given:
    """`permit`: the request's, taken when its headers had come. `body`: all of it, where it is there already
    and short; it can be received as well. `answer` takes the whole answer at once. `certificate`: the
    client's, where it has shown one. `peer`: the other side of the connection. Another server than ours gives
    none of them."""

    permit: Permit | None = None
    body: bytes | None = None
    answer: Answer | None = None
    certificate: Certificate | None = None
    peer: Peer | None = None
