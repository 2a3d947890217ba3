"""What was before: an app that came and went, so that revs, ids and ports are not the very first."""

from app.openapi.story.telling import Step

_ABOUT = {"name": "cat", "repo_url": "https://git.example.com/cat.git", "stack": "lenny"}
_ARCHIVE = "https://archive.example.com/cat/v1.img"

PRELUDE = (
    Step("POST /apps", _ABOUT, status=201),
    Step("POST /apps/cat/revisions", {"ref": "v1", "archive_url": _ARCHIVE}, status=201),
    Step("POST /apps/cat/proctypes", {"name": "web"}, status=201),
    Step("PUT /apps/cat/proctypes/web/scale", {"revision": "v1", "count": 16}),
    Step("PUT /apps/cat/proctypes/web/scale", {"revision": "v1", "count": 0}),
    Step("DELETE /apps/cat"),
)
