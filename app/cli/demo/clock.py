"""The clock of the demo's own store: a day passes on it in seconds."""

from datetime import UTC, datetime


class DemoClock:
    """The time that it was set to; after `let_go`, the machine's."""

    def __init__(self) -> None:
        self._at: datetime | None = None

    def __call__(self) -> datetime:
        return datetime.now(UTC) if self._at is None else self._at

    def set(self, at: datetime | None) -> None:
        """It is so late now; None: it goes by itself from now on."""
        self._at = at

    def let_go(self) -> None:
        """It goes by itself from now on."""
        self._at = None
