"""/, /openapi.json, and the page that shows it: Swagger UI, from files of our own."""

import asyncio
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from fastapi import Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRouter

from app import __version__
from app.errors import NotFound
from app.http.context import Call
from app.http.header_lists import quality
from app.http.reads import JSON

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

LINKS = (
    "apps",
    "instances",
    "events",
    "rev",
    "docs",
    "openapi.json",
    "problems",
    "livez",
    "readyz",
    "metrics",
)
"""Where to go from `/`, for what is no browser."""


def documents_router(document: Callable[[], dict[str, Any]], root_path: str = "") -> APIRouter:
    """The router of `/`, of the document, which `document` gives, and of its page. It has none of them."""
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

    @router.get("/", include_in_schema=False)
    async def read_index(call: Call) -> Response:
        accept = call.fields.get(b"accept", b"").decode("latin-1")
        if quality(accept, "text/html") > quality(accept, JSON):
            return RedirectResponse(f"{root_path}/docs", 307)
        links = {name.partition(".")[0]: f"{root_path}/{name}" for name in LINKS}
        index = {"name": "Visor", "version": __version__, "links": links}
        return Response(json.dumps(index), media_type=JSON)

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
