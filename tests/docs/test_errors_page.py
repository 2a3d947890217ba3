"""docs/errors.md tells every code, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.errors import RequestError

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def below(kind: type[RequestError]) -> Iterator[type[RequestError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from below(inner)


def test_the_page_of_errors_tells_every_code_with_its_status_and_title() -> None:
    told = set(
        re.findall(r"^\| (\d+) \| `([a-z-]+)` \| ([^|]+) \| [^|]+ \|$", PAGE.read_text(), re.MULTILINE)
    )
    assert told == {(str(one.status), one.code, one.title) for one in below(RequestError)}
