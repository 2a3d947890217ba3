"""openapi.yaml: the schema that FastAPI makes, brought into the form that people and SDK generators read."""

import asyncio
from threading import Lock
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.openapi.document import build
from app.openapi.text import to_yaml

__all__ = ["build", "install", "to_yaml"]


def install(app: FastAPI) -> None:
    """Have the application serve this schema."""
    building = Lock()

    def openapi() -> dict[str, Any]:
        with building:
            if not app.openapi_schema:
                app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    routes = app.router.routes
    for at, route in enumerate(routes):
        if isinstance(route, Route) and route.path == app.openapi_url:
            routes[at] = _built_beside(app, route)


def _built_beside(app: FastAPI, route: Route) -> Route:
    """The route, with the schema made in a thread where it is asked for first: that takes half a second."""

    async def serve(request: Request) -> Response:
        if not app.openapi_schema:
            await asyncio.to_thread(app.openapi)
        response: Response = await route.endpoint(request)
        return response

    return Route(route.path, serve, include_in_schema=False)
