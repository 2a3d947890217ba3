"""/openapi.json, and the pages that show it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from fastapi import Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.routing import APIRouter

TITLE = "Visor"


def documents_router(document: Callable[[], dict[str, Any]]) -> APIRouter:
    """The router of the pages; `document` gives what they show. None of them is part of it."""
    router = APIRouter()
    made: list[bytes] = []

    def encoded() -> bytes:
        if not made:
            made.append(json.dumps(document()).encode())
        return made[0]

    @router.get("/openapi.json", include_in_schema=False)
    async def read_openapi() -> Response:
        # Made in a thread where it is asked for first: that takes half a second.
        return Response(await asyncio.to_thread(encoded), media_type="application/json")

    @router.get("/docs", include_in_schema=False)
    async def read_docs() -> Response:
        return get_swagger_ui_html(openapi_url="/openapi.json", title=f"{TITLE} - API")

    @router.get("/redoc", include_in_schema=False)
    async def read_redoc() -> Response:
        return get_redoc_html(openapi_url="/openapi.json", title=f"{TITLE} - API")

    return router
