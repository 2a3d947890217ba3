"""`python -m app.cli.healthy`: asks the service of this container whether it can serve; 0 if it can.

The service is process 1, and its flags win over the environment: `--port` too. http.client and not urllib: a
proxy set for the container must not be asked about its own health.
"""

import http.client
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def port_of(command: Sequence[str]) -> int:
    """The port of the service that was started with this command."""
    port = os.environ.get("VISOR_PORT", "8000")
    for flag, following in zip(command, [*command[1:], ""], strict=True):
        name, equals, value = flag.partition("=")
        if name == "--port":
            port = value if equals else following
    return int(port)


def main(command: Sequence[str] | None = None) -> int:
    """Ask; the exit status."""
    if command is None:
        command = Path("/proc/1/cmdline").read_text().split("\0")
    asking = http.client.HTTPConnection("localhost", port_of(command), timeout=4)
    asking.request("GET", "/readyz")
    return int(asking.getresponse().status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main())
