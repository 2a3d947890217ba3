"""`python -m app.cli.healthy`: asks the service of this container whether it can serve; 0 if it can.

The service is process 1, and its flags win over the environment: `--port` and `--tls-cert` too. http.client
and not urllib: a proxy set for the container must not be asked about its own health.
"""

import http.client
import os
import ssl
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path


def setting_of(command: Sequence[str], name: str, default: str = "") -> str:
    """A setting of the service that was started with this command: `port`, `tls-cert`."""
    setting = os.environ.get(f"VISOR_{name.replace('-', '_').upper()}", default)
    for flag, following in zip(command, [*command[1:], ""], strict=True):
        given, equals, value = flag.partition("=")
        if given == f"--{name}":
            setting = value if equals else following
    return setting


def connection_to(command: Sequence[str]) -> http.client.HTTPConnection:
    """A connection to the service that was started with this command."""
    port = int(setting_of(command, "port", "8000"))
    if not setting_of(command, "tls-cert"):
        return http.client.HTTPConnection("localhost", port, timeout=4)
    # Its certificate names the host that others know. Inside of its own container nobody else can answer.
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection("localhost", port, timeout=4, context=anybody)


def main(command: Sequence[str] | None = None) -> int:
    """Ask; the exit status."""
    if command is None:
        command = Path("/proc/1/cmdline").read_text().split("\0")
    with closing(connection_to(command)) as asking:
        asking.request("GET", "/readyz")
        return int(asking.getresponse().status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main())
