"""openapi.yaml: the schema that FastAPI makes, brought into the form that people and SDK generators read."""

from threading import Lock
from typing import Any

from fastapi import FastAPI

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
