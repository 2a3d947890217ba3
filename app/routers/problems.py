"""The pages that the `type` of a problem points to: one for each error code, and a list of them."""

import inspect
import re
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from app.errors import NotFound, RequestError, request_errors
from app.http.declared_responses import problems

router = APIRouter(tags=["operations"])

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "max-age=3600",
}

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;"
    "color:#222;background:#fff}code{background:#eee;padding:0 .2em}"
    "th,td{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}code{background:#333}a{color:#8bf}}"
)


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n",
        headers=_HEADERS,
    )


def _prose(error: type[RequestError]) -> str:
    """The class's docstring as paragraphs of HTML."""
    text = escape(inspect.cleandoc(error.__doc__ or ""))
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return "\n".join(f"<p>{paragraph}</p>" for paragraph in text.split("\n\n"))


@router.get(
    "/problems",
    name="list_problems",
    summary="List the error codes",
    response_class=HTMLResponse,
    responses={200: {"description": "The page."}, **problems(400, 422, 429, 500)},
)
async def list_problems() -> HTMLResponse:
    """Every error code that an answer can carry, with its status, as a page to read."""
    rows = "\n".join(
        f"<tr><td>{error.status}</td>"
        f'<td><a href="problems/{error.code}"><code>{error.code}</code></a></td>'
        f"<td>{escape(error.title)}</td></tr>"
        for error in request_errors()
    )
    head = "<tr><th>Status</th><th>Code</th><th>Meaning</th></tr>"
    return _page("Problems - Visor", f"<h1>Problems</h1>\n<table>\n{head}\n{rows}\n</table>")


@router.get(
    "/problems/{code}",
    name="get_problem",
    summary="Explain an error code",
    response_class=HTMLResponse,
    responses={200: {"description": "The page."}, **problems(400, 404, 422, 429, 500)},
)
async def get_problem(
    code: Annotated[str, Path(description="The `code` of a problem.", examples=["not-found"])],
) -> HTMLResponse:
    """What an error code means and what to do about it, as a page to read."""
    for error in request_errors():
        if error.code == code:
            return _page(
                f"{error.code} - Visor",
                f"<h1>{escape(error.title)}</h1>\n"
                f"<p>Status <strong>{error.status}</strong>, code <code>{error.code}</code></p>\n"
                f"{_prose(error)}\n"
                '<p><a href="../problems">All problems</a></p>',
            )
    raise NotFound("There is no such error code. GET /problems lists them.")
