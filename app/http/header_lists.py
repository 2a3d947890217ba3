"""Headers that are lists, read by their grammar (RFC 9110, section 5.6.1)."""

import re
from collections.abc import Iterator, Mapping, Sequence

# What stands between commas; a comma inside quotes parts nothing. A quote that does not end is text.
_ELEMENT = re.compile(r'(?:[^,"]++|"(?:[^"\\]|\\.)*+"|")++')


def joined(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """The headers by name: several lines of one name are one list, joined by commas."""
    fields = dict(headers)
    if len(fields) < len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def elements(value: str) -> Iterator[str]:
    """The elements of a list, without the blanks around them; empty ones are ignored."""
    for found in _ELEMENT.finditer(value):
        element = found[0].strip(" \t")
        if element:
            yield element
