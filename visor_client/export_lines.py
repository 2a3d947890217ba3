"""The lines of an export, the last of which vouches for the others."""

import json

from visor_client.problems import Unreachable


class Lines:
    """Cuts what comes into lines, and holds the last one back."""

    def __init__(self) -> None:
        self.last = b""
        self._begun = b""

    def take(self, part: bytes) -> list[bytes]:
        """The lines that are whole and not the last, each with its end."""
        *whole, self._begun = (self._begun + part).split(b"\n")
        lines = [self.last, *(line + b"\n" for line in whole)]
        if not whole:
            return []
        self.last = lines.pop()
        return [line for line in lines if line]

    def check_end(self, seen: str, url: str) -> None:
        """Raises Unreachable where the last line is none, or does not vouch for the others."""
        try:
            end = json.loads(self.last)
        except ValueError:
            end = None
        if not isinstance(end, dict) or not end.get("end") or end.get("sha256") != seen or self._begun:
            raise Unreachable(f"The export from {url} was cut off: ask for it again.")
