"""docs/access.md says which test holds each promise."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "access.md"
_HELD = re.compile(r"`(\S+\.py) -k (\w+)`")


def rows() -> list[list[str]]:
    """The promises: what is promised, where it is kept, the tests."""
    table = PAGE.read_text().partition("## Where each promise is held\n")[2]
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line[:1] == "|"
    ]
    return [row for row in cells[2:] if row[1]]


def test_each_promise_is_kept_where_the_page_says_and_has_its_test() -> None:
    assert len(rows()) > 40
    for promise, code, tests in rows():
        assert (ROOT / code.strip("`")).exists(), promise
        named = _HELD.findall(tests)
        assert named, promise
        for file, words in named:
            text = (ROOT / "tests" / file).read_text()
            assert re.search(rf"def test\w*{words}", text), (
                f"{promise}: no test of {file} has {words} in its name"
            )
