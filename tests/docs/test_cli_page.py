"""docs/cli.md names commands and flags that there are."""

import re
import shlex
from pathlib import Path

from app.cli.main import _after_the_first_flags, _find, parser_of
from tests.docs.session import steps

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_every_command_of_the_page_is_one() -> None:
    ran = 0
    for command, _ in steps(PAGE.read_text(encoding="utf-8")):
        given, ahead = _after_the_first_flags(shlex.split(re.split(" [<>] ", command)[0])[1:])
        name, rest = _find(given)
        assert name is not None, command
        parser_of(name).parse_args([*rest, *ahead])
        ran += 1
    assert ran >= 20
