"""What the document says about tokens and certificates: how they are sent, and which operations need one."""

from typing import Any

from app.http.access_table import row_of
from app.http.declared_responses import DESCRIPTIONS
from app.models.grants import Role

SCHEMES: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token, `vsr_..`, as `Authorization: Bearer <token>`, never in a URL. A service "
        "that has no token yet, and serves its own machine, needs none.",
    },
    "certificate": {
        "type": "mutualTLS",
        "description": "A client certificate whose SAN names a host, if the service accepts them "
        "(`tls_client_ca`). It allows the same as a token with the role `host` for "
        "that host. If a token is sent too, only the token counts.",
    },
}
NEEDED: list[dict[str, list[str]]] = [{"token": []}]


def declare(operation: dict[str, Any]) -> None:
    """Have an operation say whether it needs a token, and how it is refused without."""
    row = row_of(operation["operationId"])
    if row.open:
        operation["security"] = []
        return
    if Role.HOST in row.all | row.own:
        operation["security"] = [*NEEDED, {"certificate": []}]
    responses = operation["responses"]
    content = responses["500"]["content"]
    for status in (401, 403):
        responses.setdefault(str(status), {"description": DESCRIPTIONS[status], "content": content})
