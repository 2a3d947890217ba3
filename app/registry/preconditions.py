"""If-Match and If-None-Match on a write, judged on the snapshot that the write is judged on."""

from collections.abc import Callable
from dataclasses import dataclass

from app.errors import RevMismatch
from app.store.contract import Snapshot
from app.store.records import Record

Target = Callable[[Snapshot], Record | None]
"""Finds the resource that a request addresses; None where it is not there."""


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What a request asks of its target. A set of revs: one of them has to be the present one; `any_rev`
    (`If-Match: *`): it has to be there; `absent` (`If-None-Match: *`): it must not be; `not_revs`: it
    must not be at one of these."""

    revs: frozenset[int] | None = None
    any_rev: bool = False
    absent: bool = False
    not_revs: frozenset[int] = frozenset()

    def check(self, snapshot: Snapshot, target: Target) -> None:
        """Raises RevMismatch."""
        if self.revs is None and not self.any_rev and not self.absent and not self.not_revs:
            return
        record = target(snapshot)
        current = None if record is None else record.rev
        if self.absent and record is not None:
            raise RevMismatch(f"It is there already, at rev {current}.", current_rev=current)
        if record is None:
            if self.any_rev or self.revs is not None:
                raise RevMismatch("There is no such resource to match.", current_rev=None)
            return
        if self.revs is not None and record.rev not in self.revs:
            raise RevMismatch(
                f"The resource is at rev {current}: read it again and repeat the change.",
                current_rev=current,
            )
        if record.rev in self.not_revs:
            raise RevMismatch(f"The resource is at rev {current}.", current_rev=current)


UNCONDITIONAL = Preconditions()
"""Nothing is asked."""
