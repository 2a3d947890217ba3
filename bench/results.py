"""What a run has found, kept in files: a group at a time, and all groups that are there as one table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from bench.curves import Curve, svg
from bench.machine import Machine
from bench.table import Row, markdown

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def keep(out: Path, group: str, machine: Machine, rows: Sequence[Row], curves: Sequence[Curve]) -> None:
    said = {
        "machine": asdict(machine),
        "rows": [row.as_json() for row in rows],
        "curves": [asdict(curve) for curve in curves],
    }
    (out / f"{group}.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")


class Results:
    """All groups that a directory has, in the order of `groups`; those measured earlier too."""

    def __init__(self, out: Path, groups: Sequence[str]) -> None:
        found = [json.loads(file.read_text()) for group in groups if (file := out / f"{group}.json").exists()]
        self._found: list[dict[str, Any]] = found
        self.rows = [_row(said) for each in found for said in each["rows"]]
        self.curves = [Curve(**said) for each in found for said in each["curves"]]

    def write(self, out: Path) -> None:
        """`table.json`, `table.md`, and a drawing of each curve."""
        (out / "table.json").write_text(json.dumps(self._found, indent=1, ensure_ascii=False) + "\n")
        (out / "table.md").write_text(self._page())
        self._draw(out)

    def publish(self, page: Path) -> None:
        """Put the table into a page, between its two marks, and the drawings into the directory of its
        name."""
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text(f"{before}{BEGIN}\n\n{self._page()}\n{END}{after}")
        drawings = page.with_suffix("")
        drawings.mkdir(exist_ok=True)
        self._draw(drawings)

    def _draw(self, directory: Path) -> None:
        for curve in self.curves:
            (directory / f"{curve.name}.svg").write_text(svg(curve))

    def _page(self) -> str:
        """The table, and what it was measured on: parts of it may be of different moments."""
        machines: list[str] = []
        for each in self._found:
            lines = Machine(**each["machine"]).lines()
            if lines[1:] not in [one.splitlines()[1:] for one in machines]:
                machines.append("\n".join(lines))
        return markdown(self.rows) + "\n" + "\n\n".join(f"```\n{one}\n```" for one in machines) + "\n"


def _row(said: dict[str, Any]) -> Row:
    known = {one.name for one in fields(Row)}
    row = Row(**{name: value for name, value in said.items() if name in known})
    return row
