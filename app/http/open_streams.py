"""Open streams and their tokens: a stream ends when its token may no longer see the same."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

from app.events.standing import Standing
from app.http.principal import Principal
from app.models import keys
from app.registry.permissions import Row
from app.store.records import Commit

Renew = Callable[[Principal], Principal | None]
"""The principal by the newest state: the same one where nothing has changed, None where its token is not
valid any more."""


@dataclass(eq=False, slots=True)
class OpenStream:
    """A stream that is sent to a principal. `look` has what sends it look whether it may go on."""

    principal: Principal
    row: Row
    renew: Renew
    look: "weakref.WeakMethod[Callable[[], None]] | None" = None
    __weakref__: object = field(init=False, repr=False)

    def tell(self) -> None:
        """Have the stream look, if it is still there."""
        look = self.look and self.look()
        if look:
            look()

    def standing(self) -> Standing:
        """Whether the stream may go on."""
        before = self.principal
        now = self.renew(before)
        if now is before:
            return Standing.GOES_ON
        if now is None or now.scope(self.row) is None:
            return Standing.OVER
        if now.sight == before.sight:
            self.principal = now
            return Standing.GOES_ON
        # Where anything is seen that was not, its state has to be read before its events.
        return Standing.OVER if before.sight.covers(now.sight) else Standing.WIDER


class OpenStreams:
    """All of a process, by the keys of their tokens. Each is forgotten when nothing sends it any more."""

    def __init__(self) -> None:
        self._of: dict[str, weakref.WeakSet[OpenStream]] = {}

    def add(self, stream: OpenStream) -> None:
        record = stream.principal.record
        key = keys.ACCESS if record is None else record.key
        self._of.setdefault(key, weakref.WeakSet()).add(stream)

    def listen(self, commit: Commit | None) -> None:
        """Have the streams look of whose tokens a commit says something; None: all."""
        if commit is None:
            self.tell_all()
            return
        for change in commit.changes:
            if change.key.startswith(keys.TOKENS) or change.key == keys.ACCESS:
                for stream in self._of.pop(change.key, weakref.WeakSet()):
                    stream.tell()
                    if stream.standing() is Standing.GOES_ON:
                        self.add(stream)

    def tell_all(self) -> None:
        """Have all look."""
        for streams in list(self._of.values()):
            for stream in list(streams):
                stream.tell()

    def tell_expired(self, now: float) -> None:
        """Have those look whose tokens are over their time."""
        for streams in list(self._of.values()):
            for stream in list(streams):
                if now >= stream.principal.until:
                    stream.tell()

    def sweep(self) -> None:
        """Forget the tokens that have no stream any more."""
        self._of = {key: streams for key, streams in self._of.items() if streams}
