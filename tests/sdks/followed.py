"""What docs/sdks.md follows events with, as it stands there: see tests/docs/following.py."""

import json
import sys
from typing import Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, "client")

from follow import follow  # type: ignore[import-not-found]
from visor_client.client import Client  # type: ignore[attr-defined]

url = urlsplit(sys.argv[1])
services: set[str] = set()
begins = 0


def begin() -> None:
    global begins
    services.clear()
    begins += 1


def take(message: dict[str, Any]) -> None:
    if message["type"] in ("snapshot", "service-register"):
        services.add(message["service"])
    if message["type"] == "service-unregister":
        services.discard(message["service"])
    sys.stdout.write(f"{json.dumps({'services': sorted(services), 'begins': begins})}\n")
    sys.stdout.flush()
    if message["service"] == "zz":
        sys.exit(0)


filters = {name: value for name, value in parse_qsl(url.query) if name != "snapshot"}
follow(Client(base_url=f"http://{url.netloc}"), begin, take, pause=0.02, **filters)
