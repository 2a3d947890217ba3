"""docs/dashboard.md names a test for each promise of the dashboard, and each of them is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_the_page_names_is_one() -> None:
    page = (ROOT / "docs" / "dashboard.md").read_text()
    _, _, table = page.partition("## Where each promise is held")
    rows = [row.split("|")[3] for row in table.splitlines() if row.startswith("| ")][2:]
    assert len(rows) > 20
    tests = "\n".join(
        file.read_text()
        for folder in ("dashboard", "http", "fault")
        for file in (ROOT / "tests" / folder).glob("test_*.py")
    )
    for row in rows:
        named = re.findall(r"`([a-z0-9_]+)`", row)
        assert named or "bench.dashboard" in row or "test_grafana" in row, row
        for name in named:
            assert f"def test_{name}(" in tests, name
