"""Which events a subscriber wants."""

from dataclasses import dataclass, replace

from app.models.event import STEMS


@dataclass(frozen=True, slots=True)
class Filter:
    """Filters; an empty one means any. `types` are event types, or stems with `*` (`instance-*`).
    Hashable: subscribers that want the same can share what was decided."""

    types: frozenset[str] = frozenset()
    app: str | None = None
    proctype: str | None = None
    instance: int | None = None
    host: str | None = None

    def of_app(self, app: str | None) -> "Filter":
        """The same for one app (None: for any)."""
        return replace(self, app=app)

    def fits(self, type_: str, names: dict[str, str | int], host: str | None) -> bool:
        """Whether an event of the type, about the names, is wanted."""
        return self._fits_type(type_) and self._fits_names(names, host)

    def fits_object(self, kind: str, names: dict[str, str | int], host: str | None) -> bool:
        """Whether an object is wanted in a snapshot: events of its kind could be."""
        stem = STEMS[kind] + "-"
        wanted = not self.types or any(type_ == "*" or type_.startswith(stem) for type_ in self.types)
        return wanted and self._fits_names(names, host)

    def _fits_type(self, type_: str) -> bool:
        if not self.types or type_ in self.types:
            return True
        return any(known.endswith("*") and type_.startswith(known[:-1]) for known in self.types)

    def _fits_names(self, names: dict[str, str | int], host: str | None) -> bool:
        return (
            (self.app is None or names.get("app") == self.app)
            and (self.proctype is None or names.get("proctype") == self.proctype)
            and (self.instance is None or names.get("instance") == self.instance)
            and (self.host is None or host == self.host)
        )
