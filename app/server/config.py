"""What connections are told."""

from collections.abc import Callable

import uvicorn

from app.http.admission import Admission
from app.http.refusals import Refusals
from app.server.tls import Tls


class ConnectionConfig(uvicorn.Config):
    """uvicorn's settings, and those of `Connection`: see `app.server.server.build_config`. `lingering`
    counts the connections that are refused and still read from. `prefix` is not uvicorn's `root_path`, which
    it puts before each path: a proxy has taken it away."""

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
