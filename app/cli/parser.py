"""The parser of the command line: an unknown flag or command names the nearest known one."""

import argparse
import re
from typing import Any, NoReturn

from app.slips import nearest


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that hints at slips. Flags may not be abbreviated: a new flag would change what an
    abbreviation means."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})
        # `--at -10m`: what is before now is no flag.
        self._negative_number_matcher = re.compile(r"^-\d+(\.\d+)?[smhd]?$")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse's, but what is unknown is refused here, where the flags of the command are known."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._hint(unknown[0])}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        """One line and the exit status 2; an invalid choice gets a hint too."""
        slip = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if slip is not None:
            meant = nearest(slip[1], re.findall(r"'?([\w-]+)'?", slip[2]))
            message += f"; did you mean {meant}?" if meant else ""
        super().error(message)

    def _hint(self, given: str) -> str:
        flag = given.partition("=")[0]
        meant = nearest(flag, self._option_string_actions)
        return f"; did you mean {meant}?" if meant else ""
