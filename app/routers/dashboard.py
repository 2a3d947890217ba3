"""/ui: the dashboard, from files of our own. It is a client of the API like any other."""

import asyncio
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from fastapi import Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRouter
from pydantic import MISSING

from app.errors import NotFound
from app.http.entity_tags import IfNoneMatch, tag_of, unchanged
from app.http.ready_answer import ReadyAnswer

POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
"""Nothing of the page comes from another origin, or goes there; no script or style is inline."""

TYPES = {"css": "text/css", "html": "text/html", "js": "text/javascript", "mjs": "text/javascript"}
TYPES |= {"svg": "image/svg+xml"}

FOLDERS = ("", "pages", "vendor")

router = APIRouter()


@router.get("/ui", include_in_schema=False)
async def read_dashboard(if_none_match: IfNoneMatch = MISSING) -> Response:
    return await _answer("", "index.html", if_none_match)


@router.get("/ui/", include_in_schema=False)
async def read_dashboard_below() -> Response:
    # The page's files are named from where it is.
    return RedirectResponse("/ui", 308)


@router.get("/ui/{name}", include_in_schema=False)
async def read_dashboard_file(name: str, if_none_match: IfNoneMatch = MISSING) -> Response:
    return await _answer("", name, if_none_match)


@router.get("/ui/{folder}/{name}", include_in_schema=False)
async def read_dashboard_part(folder: str, name: str, if_none_match: IfNoneMatch = MISSING) -> Response:
    return await _answer(folder, name, if_none_match)


def _names() -> dict[tuple[str, str], Traversable]:
    """The files that are served: those with a type, below the dashboard's folder."""
    names: dict[tuple[str, str], Traversable] = {}
    top = files("app") / "dashboard"
    for folder in FOLDERS:
        for file in (top / folder if folder else top).iterdir():
            if file.name.rpartition(".")[2] in TYPES:
                names[folder, file.name] = file
    return names


_FILES = _names()


_read: dict[Traversable, tuple[float, bytes, int]] = {}
"""What was read of the files: a page of thirty asks for all of them at once, and again by their tags."""


async def _content(file: Traversable) -> tuple[bytes, int]:
    """A file's bytes and their tag; read anew where it has changed, as while somebody works on it."""
    changed = file.stat().st_mtime if isinstance(file, Path) else 0.0
    kept = _read.get(file)
    if kept is None or kept[0] != changed:
        content = await asyncio.to_thread(file.read_bytes)
        kept = _read[file] = (changed, content, tag_of([content]))
    return kept[1:]


async def _answer(folder: str, name: str, if_none_match: object) -> Response:
    file = _FILES.get((folder, name))
    if file is None:
        raise NotFound("There is no such file. GET /ui is the dashboard.")
    content, tag = await _content(file)
    # A new version's files have the same names: each is asked for again, and is 304 mostly.
    headers = [(b"etag", b'"%d"' % tag), (b"cache-control", b"no-cache")]
    headers.append((b"content-security-policy", POLICY.encode()))
    if isinstance(if_none_match, str) and unchanged(if_none_match, tag):
        return ReadyAnswer(b"", 304, headers)
    headers.append((b"content-type", f"{TYPES[name.rpartition('.')[2]]}; charset=utf-8".encode()))
    headers.append((b"content-length", b"%d" % len(content)))
    return ReadyAnswer(content, 200, headers)
