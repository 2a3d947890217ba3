"""What connections are told."""

from collections.abc import Callable

import uvicorn

from app.http.admission import Admission
from app.http.refusals import Refusals


class ConnectionConfig(uvicorn.Config):
    """uvicorn's settings, and those of `Connection`: see `app.server.server.build_config`. `lingering`
    counts the connections that are refused and still read from. `prefix` is not uvicorn's `root_path`, which
    it puts before each path: a proxy has taken it away."""

    header_timeout: float = 10.0
    max_header: int = 64 * 1024
    send_timeout: float = 30.0
    max_connections: int = 10_000
    rev: Callable[[], int] | None = None
    admission: Admission | None = None
    refusals: Refusals | None = None
    prefix: str = ""
    lingering: int = 0
