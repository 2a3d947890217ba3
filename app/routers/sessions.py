"""/session: a cookie for the dashboard, which stands for a token."""

import time

from fastapi import Response
from fastapi.routing import APIRouter

from app.errors import Unauthenticated
from app.http import session
from app.http.access import has_bearer
from app.http.context import Call
from app.http.declared_responses import problems
from app.models.token import KeptToken
from app.registry import tokens

router = APIRouter(tags=["tokens"])

ANSWERS = {
    204: {"description": "The session has begun; Set-Cookie has its cookie."},
    **problems(400, 413, 415, 422, 429, 500, 503),
}


@router.post("/session", status_code=204, responses=ANSWERS, summary="Begin a browser's session")
async def begin_session(call: Call) -> Response:
    """Takes a token and sets the cookie `__Host-visor`, for 12 hours or until the token expires. With the
    cookie a page of this service may read. A write with the cookie also needs the header `Visor-Csrf: 1`."""
    principal = call.principal
    if not has_bearer(call.fields) or not principal.sha256:
        raise Unauthenticated.unknown()
    now = int(time.time())
    kept: KeptToken | None = tokens.read(principal.record)
    seconds = session.SECONDS
    if kept is not None and kept.expires_at is not None:
        seconds = min(seconds, int(kept.expires_at.timestamp()) - now)
    id = principal.id or session.ADMIN_ID
    cookie = session.cookie(id, now + seconds, principal.sha256, seconds)
    return Response(status_code=204, headers={"Set-Cookie": cookie})


@router.delete("/session", status_code=204, responses=ANSWERS, summary="End a browser's session")
async def end_session() -> Response:
    """Makes the browser forget the cookie. To end the session everywhere, revoke or rotate its token."""
    return Response(status_code=204, headers={"Set-Cookie": session.no_cookie()})
