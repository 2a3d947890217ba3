"""Hosts that wait for a ticket, each with a connection and a thread of its own."""

import http.client
import itertools
import json
import socket
import threading
import time
from typing import Any

from tests.http.life.saying import until
from tests.serving import Service


class Caller:
    """Sends POSTs over one connection of its own: quick, for many at a time."""

    def __init__(self, visor: Service) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", visor.port, timeout=90)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """The answer's status and body."""
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if said else None

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class WaitingHost:
    """One `POST /instances/claim` with `wait`. `status` and `claimed` are there when it has ended, and
    `seconds` says how long it took."""

    def __init__(self, visor: Service, host: str, wait: int = 30, **wanted: str) -> None:
        self.host = host
        self.status: int | None = None
        self.claimed: Any = None
        self.rev: str | None = None
        self.seconds = 0.0
        self.connection = http.client.HTTPConnection("127.0.0.1", visor.port, timeout=90)
        self.connection.connect()
        self._body = json.dumps({"host": host, "wait": wait, **wanted})
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        began = time.monotonic()
        try:
            self.connection.request(
                "POST", "/instances/claim", self._body, {"Content-Type": "application/json"}
            )
            answer = self.connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            return
        self.seconds = time.monotonic() - began
        self.rev = answer.headers["Visor-Rev"]
        self.claimed = json.loads(said) if said else None
        self.status = answer.status

    def hang_up(self) -> None:
        """Close the connection, as a host does that dies."""
        self.connection.sock.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        self.hang_up()
        self.end()

    def end(self) -> "WaitingHost":
        """Wait for the answer."""
        self._thread.join(90)
        assert not self._thread.is_alive(), "the call did not end"
        self.connection.close()
        return self

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()


def wait_in_line(visor: Service, count: int, **more: Any) -> list[WaitingHost]:
    """So many hosts in the queue, in this order: each comes when the one before is in it."""
    queue = visor.context.claim_queue
    hosts: list[WaitingHost] = []
    for _ in range(count):
        before = len(queue)
        hosts.append(WaitingHost(visor, f"host-{next(_names)}", **more))
        until(lambda before=before: len(queue) == before + 1)
    # In the queue, and done with its first look.
    until(lambda: visor.settled)
    return hosts


_names = itertools.count()
