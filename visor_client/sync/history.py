"""What has changed between two moments."""

from typing import Any

from visor_client.options import query
from visor_client.records import ObjectChange
from visor_client.sync.listing import Listing
from visor_client.sync.transport import Transport


class History(Transport):
    """The calls about the past."""

    def get_diff(
        self,
        before: int,
        after: int | None = None,
        path: str | None = None,
        *,
        include: str | None = None,
        limit: int | None = None,
    ) -> Listing[ObjectChange]:
        """What differs between two revs (the latest, if only one is told), at a path or below it."""
        asked = query({"from": before, "to": after, "path": path, "include": include, "limit": limit})
        kept = [(name, value) for name, value in asked if name not in ("from", "to")]

        def page(cursor: str | None) -> dict[str, Any]:
            # The cursor has the second rev in itself, where it was the latest.
            params = asked if cursor is None else [*kept, ("from", before), ("cursor", cursor)]
            found: dict[str, Any] = (self.request("GET", "/diff", params=params)).json()
            return found

        return Listing(page, ObjectChange)
