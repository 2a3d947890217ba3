"""What the registry is at every rev, said as plainly as can be: dictionaries, one whole copy a rev."""

from collections.abc import Callable
from typing import Any

Key = tuple[str, ...] | tuple[int] | tuple[str, int]
Object = dict[str, Any]
Event = tuple[str, Object]

T = "T"
"""Stands for any time."""

KINDS = (
    "app",
    "revision",
    "envset",
    "proctype",
    "instance",
    "ended",
    "scale",
    "service",
    "endpoint",
    "runner",
    "member",
)


class Refused(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code


NOT_FOUND = (404, "not-found")
IN_USE = (409, "in-use")
STATE = (409, "invalid-state")
EXISTS = (409, "already-exists")
INVALID = (422, "invalid-request")


class State:
    """The registry at one rev: by kind, objects by what names them, as they are answered."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[Key, Object]] = {kind: {} for kind in KINDS}
        self.next_id = 1
        self.next_port = 8000

    def copy(self) -> "State":
        made = State()
        made.kinds = {kind: dict(objects) for kind, objects in self.kinds.items()}
        made.next_id, made.next_port = self.next_id, self.next_port
        return made

    def find(self, kind: str, *key: Any) -> Object | None:
        return self.kinds[kind].get(key)

    def all(self, kind: str, fits: Callable[[Object], bool] = lambda _: True) -> list[Object]:
        """By what names them."""
        return [one for _, one in sorted(self.kinds[kind].items()) if fits(one)]


def present(state: State, one: Object) -> bool:
    """Whether an instance is of the proctype that is there, not of an earlier one of its name."""
    proctype = state.find("proctype", one["app"], one["proctype"])
    return proctype is None or one["created_rev"] > proctype["created_rev"]


class Draft:
    """The next state while a command makes it. Objects are replaced, never changed in place."""

    def __init__(self, before: State, rev: int) -> None:
        self.state = before.copy()
        self.rev = rev
        self.events: list[Event] = []
        self.changed = False

    def find(self, kind: str, *key: Any) -> Object | None:
        return self.state.find(kind, *key)

    def need(self, kind: str, *key: Any, otherwise: tuple[int, str] = NOT_FOUND) -> Object:
        found = self.find(kind, *key)
        if found is None:
            raise Refused(*otherwise)
        return found

    def register(self, kind: str, key: Key, event: str | None, /, **fields: Any) -> Object:
        if key in self.state.kinds[kind]:
            raise Refused(*EXISTS)
        times = {"created_at": T, "updated_at": T}
        made = {"rev": self.rev, "created_rev": self.rev, **times, **fields}
        self._put(kind, key, made, event)
        return made

    def change(self, kind: str, key: Key, event: str, /, **fields: Any) -> Object:
        """What changes nothing is no commit."""
        before = self.state.kinds[kind][key]
        if all(before[name] == value for name, value in fields.items()):
            return before
        made = {**before, **fields, "rev": self.rev}
        self._put(kind, key, made, event)
        return made

    def remove(self, kind: str, key: Key, event: str) -> None:
        self.events.append((event, self.state.kinds[kind].pop(key)))
        self.changed = True

    def _put(self, kind: str, key: Key, made: Object, event: str | None) -> None:
        self.state.kinds[kind][key] = made
        self.changed = True
        if event is not None:
            self.events.append((event, made))


class Model:
    """All states, and the events of each rev. `history` revs stay readable. It begins, empty, at the rev
    `start`, where those from `oldest` on can be read, and each commit adds `step` to the rev."""

    def __init__(self, history: int, start: int = 0, oldest: int = 0, step: int = 1) -> None:
        self.start = start
        self.step = step
        self._states = [State()]
        self._events: list[list[Event]] = [[]]
        self._actors = [""]
        self._history = history
        self._compacted = oldest

    @property
    def rev(self) -> int:
        return self.start + (len(self._states) - 1) * self.step

    @property
    def oldest(self) -> int:
        return max(self._compacted, self.rev - self._history * self.step)

    @property
    def now(self) -> State:
        return self._states[-1]

    def at(self, rev: int) -> State:
        return self._states[(rev - self.start) // self.step]

    def events_of(self, rev: int) -> list[Event]:
        return self._events[(rev - self.start) // self.step]

    def actor_of(self, rev: int) -> str:
        return self._actors[(rev - self.start) // self.step]

    def compact(self, rev: int) -> None:
        self._compacted = max(self._compacted, min(rev, self.rev))

    def commit(self, command: Callable[[Draft], Any], actor: str) -> Any:
        """What the command answers. Raises Refused, and then nothing has changed."""
        draft = Draft(self.now, self.rev + self.step)
        answer = command(draft)
        if draft.changed:
            self.add(draft.state, draft.events, actor)
        return answer

    def add(self, state: State, events: list[Event], actor: str) -> None:
        self._states.append(state)
        self._events.append(events)
        self._actors.append(actor)
