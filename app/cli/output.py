"""How answers are written: tables and details for people, JSON and names for programs."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

FORMATS = ("table", "wide", "json", "jsonl", "name")

_COLOURS = {
    "running": 32,
    "pending": 33,
    "claimed": 36,
    "stopping": 33,
    "failed": 31,
    "lost": 31,
    "exited": 90,
}


class Column(NamedTuple):
    """A column of a table: its title, and the cell of an item. One that is `wide` is shown with `-o wide`."""

    title: str
    value: Callable[[Any], object]
    wide: bool = False


class Output:
    """Writes to standard output. Colours and relative times are for terminals alone."""

    def __init__(self, format: str) -> None:
        self.format = format
        self.terminal = sys.stdout.isatty()
        self._colours = self.terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    @property
    def for_people(self) -> bool:
        """Whether the format is for people."""
        return self.format in ("table", "wide")

    def items(self, items: Sequence[Any], columns: Sequence[Column], rev: int | None, none: str = "") -> None:
        """A list of records; the first column is their name. `none` is said to people where there is none."""
        if self.format == "json":
            self.json({"rev": rev, "items": [item.raw for item in items]})
        elif self.format == "jsonl":
            for item in items:
                self.line(_compact(item.raw))
        elif self.format == "name":
            for item in items:
                self.line(str(columns[0].value(item)))
        elif items:
            shown = [column for column in columns if self.format == "wide" or not column.wide]
            self.table([column.title for column in shown], [[c.value(item) for c in shown] for item in items])
        elif none and self.terminal:
            self.line(none)

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Aligned columns, two blanks apart."""
        cells = [[self.cell(value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
        room = shutil.get_terminal_size().columns if self.terminal else None
        for row in [list(titles), *cells]:
            line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
            if room is not None and len(line) > room:
                line = f"{line[: room - 1]}…"
            self.line(self._coloured(line))

    def details(self, record: Any, fields: Sequence[tuple[str, object]], name: object) -> None:
        """One record, a line a field."""
        if self.format in ("json", "jsonl"):
            self.json(record.raw)
        elif self.format == "name":
            self.line(str(name))
        else:
            width = max(len(title) for title, _ in fields) + 2
            for title, value in fields:
                self.line(self._coloured(f"{title + ':':<{width}}{self.cell(value)}"))

    def changed(self, raw: dict[str, Any], text: str) -> None:
        """What a write did."""
        if self.for_people:
            self.line(text)
        elif self.format == "name":
            self.line(str(raw.get("name") or raw.get("id") or raw.get("ref") or raw.get("rev")))
        else:
            self.json(raw)

    def json(self, value: Any) -> None:
        """On a terminal with indents."""
        indented = self.terminal and self.format == "json"
        self.line(json.dumps(value, indent=2, ensure_ascii=False) if indented else _compact(value))

    def line(self, text: str) -> None:
        """One line."""
        # A service may say half a surrogate pair, or what this terminal has no letter for.
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")

    def flush(self) -> None:
        """Have all be seen that was said so far: what follows may not come for long, and a pipe keeps it."""
        sys.stdout.flush()

    def cell(self, value: object) -> str:
        """A value as people read it, on one line and without control characters."""
        if value is None or value == "":
            return "-"
        if isinstance(value, datetime):
            return ago(value) if self.terminal else rfc3339(value)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "".join(letter if letter.isprintable() else "�" for letter in str(value))

    def _coloured(self, line: str) -> str:
        if self._colours:
            for word, colour in _COLOURS.items():
                line = line.replace(f" {word} ", f" \x1b[{colour}m{word}\x1b[0m ")
        return line


def rfc3339(at: datetime) -> str:
    """In UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(at: datetime, now: datetime | None = None) -> str:
    """`5m`, `3h`, `2d`: how long ago."""
    passed = int(((now or datetime.now(UTC)) - at).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if passed >= 2 * size:
            return f"{passed // size}{unit} ago"
    return f"{max(passed, 0)}s ago"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
