"""/openapi.json, and the page that shows it: Swagger UI, from files of our own."""

import asyncio
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import Response
from fastapi.routing import APIRouter

from app.errors import NotFound

ASSETS = {
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing of the page comes from another origin, or goes there."""


def documents_router(document: Callable[[], dict[str, Any]], root_path: str = "") -> APIRouter:
    """The router of the document, which `document` gives, and its page. Neither is in the document."""
    router = APIRouter()
    made: list[bytes] = []

    def encoded() -> bytes:
        if not made:
            shown = document()
            if root_path:
                here = {"url": root_path, "description": "The service that this document was read from."}
                shown = {**shown, "servers": [here]}
            made.append(json.dumps(shown).encode())
        return made[0]

    @router.get("/openapi.json", include_in_schema=False)
    async def read_openapi() -> Response:
        # Made in a thread where it is asked for first: that takes half a second.
        return Response(await asyncio.to_thread(encoded), media_type="application/json")

    @router.get("/docs", include_in_schema=False)
    async def read_docs() -> Response:
        page = await _file("index.html")
        return Response(page, headers={"Content-Security-Policy": POLICY}, media_type="text/html")

    @router.get("/docs/{name}", include_in_schema=False)
    async def read_asset(name: str) -> Response:
        if name not in ASSETS:
            raise NotFound("There is no such file. GET /docs shows the API.")
        return Response(await _file(name), headers={"Cache-Control": "max-age=3600"}, media_type=ASSETS[name])

    return router


async def _file(name: str) -> bytes:
    return await asyncio.to_thread((files("app") / "swagger_ui" / name).read_bytes)
