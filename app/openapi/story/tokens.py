"""Tokens: made by an admin, changed and revoked. A story of its own, for a service that needs a token."""

from app.openapi.story.telling import Step, page, resource

TOKEN_ID = "k3v7q2mzx4ab"
_NEW = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_NEXT = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
_GRANTS = [{"role": "deployer", "apps": ["rocket", "cat-*"]}, {"role": "host", "hosts": ["10.0.0.7"]}]


def _token(rev: int) -> dict[str, object]:
    return resource(
        rev,
        1,
        id=TOKEN_ID,
        name="deploy-bot",
        grants=_GRANTS,
        created_by="admin",
        expires_at=None,
        last_used_at=None,
    )


TOKENS = (
    Step(
        f"PUT /tokens/{TOKEN_ID}",
        {"name": "deploy-bot", "grants": _GRANTS, "expires_at": None, "sha256": _NEW},
        _token(1),
        operation="set_token",
    ),
    Step(f"GET /tokens/{TOKEN_ID}", answer=_token(1), operation="get_token"),
    Step("GET /tokens", answer=page(1, _token(1)), operation="list_tokens"),
    Step(
        f"POST /tokens/{TOKEN_ID}/rotate",
        {"sha256": _NEXT, "overlap": 3600},
        _token(2),
        operation="rotate_token",
    ),
    Step(
        "GET /tokens/self",
        answer={"id": None, "name": "admin", "grants": [{"role": "admin"}], "expires_at": None},
        operation="get_self",
    ),
    Step(f"DELETE /tokens/{TOKEN_ID}", answer={"rev": 3}, operation="revoke_token"),
)
