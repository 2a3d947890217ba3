"""What connections are told."""

from collections.abc import Callable
from typing import Any

import uvicorn

from app.http.admission import Admission
from app.http.refusals import Refusals
from app.server.tls import Tls

UVICORN: dict[str, Any] = {
    "ws": "none",
    "lifespan": "on",
    "interface": "asgi3",
    "log_config": None,
    "access_log": False,
    # A header that anybody can send must not say who the client is.
    "proxy_headers": False,
    "server_header": False,
    "date_header": True,
}
"""What is set of uvicorn's, and is the same for every service."""


class ConnectionConfig(uvicorn.Config):
    """uvicorn's settings, and those of `Connection`.

    `timeout_keep_alive` (seconds): how long a connection may idle between requests, longer than the 60 s of
    common proxies so that they close first. `header_timeout` (seconds): a request's headers have to be
    complete by then, and a handshake of TLS done. `max_header` (bytes): of the request line and all headers.
    `send_timeout` (seconds): a client that has taken nothing of a full send buffer for so long is cut off,
    streams included, and so is one whose network has vanished. `max_connections`: more are answered 429 and
    closed; fewer where the system does not let the process open as many files.

    `rev` gives the `Visor-Rev` of requests that are refused before they reach the application. `admission`,
    where there is one, is asked for the permit of each request, and `refusals` is told of what is refused
    before it reaches the application. With `tls` nothing but TLS is spoken. `prefix` is the path below which
    clients see the service; it is not uvicorn's `root_path`, which is put before each path: a proxy has taken
    it away. `lingering` counts the connections that are refused and still read from.
    """

    header_timeout: float
    max_header: int
    send_timeout: float
    max_connections: int
    rev: Callable[[], int]
    admission: Admission | None = None
    refusals: Refusals | None = None
    prefix: str = ""
    tls: Tls | None = None
    lingering: int = 0
