"""What the server gives the application with a request, in `scope["state"]`: not every server does."""

from collections.abc import Callable

from starlette.types import Scope

from app.http.responses import RawHeaders

SLOT = "slot"
"""The request's place (`Slot`), taken when its headers had come."""

BODY = "body"
"""All of the body, where it is there already and short. It can be received as well."""

ANSWER = "answer"
"""Takes the whole answer at once: an `Answer`."""

Answer = Callable[[Scope, int, RawHeaders, bytes], bool]
"""Answers the request of this scope with a status, headers and a body whose length they tell, in one call to
the kernel; False, with nothing said, where it has to be sent piece by piece."""
