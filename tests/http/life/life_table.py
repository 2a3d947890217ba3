"""The life of an instance as a table: what every call does in every state (DESIGN section 5)."""

from typing import Any

HOST = "10.0.0.7"
OTHER = "10.0.0.8"

WAYS: dict[str, list[str]] = {
    "pending": [],
    "claimed": ["claim"],
    "running": ["claim", "start"],
    "stopping": ["claim", "start", "stop"],
    "exited": ["claim", "start", "exit"],
    "failed": ["claim", "start", "fail"],
    "lost": ["claim", "start", "lost"],
    "lost, never claimed": ["lost"],
    "done": ["unregister"],
}
"""The calls that bring a new ticket into a state."""

BODIES: dict[str, dict[str, Any] | None] = {
    "claim": {"host": HOST},
    "unclaim": {"host": HOST, "error": "no room"},
    "start": {"host": HOST, "hostname": "box7.example.com", "port": 9000, "tele_port": 9001},
    "stop": None,
    "exit": {"host": HOST},
    "fail": {"host": HOST, "reason": "crashed"},
    "lost": {"client": "watcher", "reason": "host is away"},
    "restart": {"reason": "oom"},
    "lock": {"client": "deployer", "reason": "look at it"},
    "unlock": None,
    "unregister": None,
}

_TAKEN = (409, "already-claimed")
_STATE = (409, "invalid-state")
_NONE = (404, "not-found")

Ends = str | tuple[int, str]
"""The status after the call, or the answer that refuses it."""


def _row(**differs: Ends) -> dict[str, Ends]:
    """A state's row: refused as the state does not allow it, but for what differs."""
    return {**dict.fromkeys(BODIES, _STATE), "unlock": _NONE, "unregister": "done", **differs}


TABLE: dict[str, dict[str, Ends]] = {
    "pending": _row(claim="claimed", lost="lost", lock="pending"),
    "claimed": _row(
        claim=_TAKEN,
        unclaim="pending",
        start="running",
        stop="stopping",
        exit="exited",
        fail="failed",
        lost="lost",
        lock="claimed",
    ),
    "running": _row(
        claim=_TAKEN,
        start="running",
        stop="stopping",
        exit="exited",
        fail="failed",
        lost="lost",
        restart="running",
        lock="running",
    ),
    "stopping": _row(claim=_TAKEN, exit="exited", fail="failed", lost="lost", lock="stopping"),
    "exited": _row(lock="exited"),
    "failed": _row(exit="exited", lost="lost", lock="failed"),
    "lost": _row(exit="exited", lost="lost", lock="lost"),
    "lost, never claimed": _row(lost="lost", lock="lost"),
    "done": _row(unlock=_STATE, unregister=_NONE),
}

NO_COMMIT = {("running", "start"), ("lost", "lost"), ("lost, never claimed", "lost")}
"""Said already: 200, and nothing is committed."""

CLAIMERS_ONLY = ("unclaim", "start", "exit", "fail")

CAN_BECOME: dict[str, set[str]] = {
    "pending": {"pending", "claimed", "running", "stopping", "exited", "failed", "lost"},
    "claimed": {"pending", "claimed", "running", "stopping", "exited", "failed", "lost"},
    "running": {"running", "stopping", "exited", "failed", "lost"},
    "stopping": {"stopping", "exited", "failed", "lost"},
    "exited": {"exited"},
    "failed": {"failed", "exited", "lost"},
    "lost": {"lost", "exited"},
    "lost, never claimed": {"lost"},
}
"""The statuses that an instance in a state can still have, now or later."""
