"""/, /openapi.json, and the page that shows it: Swagger UI, from files of our own."""

import asyncio
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Annotated, Any

from fastapi import Depends, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRouter

from app import __version__
from app.errors import NotFound
from app.http.context import Call
from app.http.header_lists import quality
from app.http.ready_answer import JSON

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
    "ui",
    "docs",
    "openapi.json",
    "problems",
    "livez",
    "readyz",
    "metrics",
)
"""Where to go from `/`, for what is no browser."""


class ServedDocument:
    """The document of the API, which `make` gives, as a service below `root_path` serves it."""

    def __init__(self, make: Callable[[], dict[str, Any]], root_path: str = "") -> None:
        self.root_path = root_path
        self._make = make
        self._encoded: bytes | None = None

    async def encoded(self) -> bytes:
        if self._encoded is None:
            # Made in a thread where it is asked for first: that takes half a second.
            self._encoded = await asyncio.to_thread(self._encode)
        return self._encoded

    def _encode(self) -> bytes:
        shown = self._make()
        if self.root_path:
            here = {"url": self.root_path, "description": "The service that this document was read from."}
            shown = {**shown, "servers": [here]}
        return json.dumps(shown).encode()


def the_document() -> ServedDocument:
    """Declares that a handler takes the document. Never called: the front hands over the one it was given."""
    raise NotImplementedError


TheDocument = Annotated[ServedDocument, Depends(the_document)]

router = APIRouter()


@router.get("/", include_in_schema=False)
async def read_index(call: Call, document: TheDocument) -> Response:
    accept = call.fields.get(b"accept", b"").decode("latin-1")
    root_path = document.root_path
    if quality(accept, "text/html") > quality(accept, JSON):
        return RedirectResponse("/ui", 307)
    links = {name.partition(".")[0]: f"{root_path}/{name}" for name in LINKS}
    index = {"name": "Visor", "version": __version__, "links": links}
    return Response(json.dumps(index), media_type=JSON)


@router.get("/openapi.json", include_in_schema=False)
async def read_openapi(document: TheDocument) -> Response:
    return Response(await document.encoded(), media_type="application/json")


@router.get("/docs", include_in_schema=False)
async def read_docs() -> Response:
    page = await _file("index.html")
    return Response(page, headers={"Content-Security-Policy": POLICY}, media_type="text/html")


@router.get("/docs/{name}", include_in_schema=False)
async def read_asset(name: str) -> Response:
    if name not in ASSETS:
        raise NotFound("There is no such file. GET /docs shows the API.")
    return Response(await _file(name), headers={"Cache-Control": "max-age=3600"}, media_type=ASSETS[name])


async def _file(name: str) -> bytes:
    return await asyncio.to_thread((files("app") / "swagger_ui" / name).read_bytes)
