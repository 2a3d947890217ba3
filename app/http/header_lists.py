"""Headers that are lists, read by their grammar (RFC 9110, section 5.6.1)."""

import re
from collections.abc import Iterator, Mapping, Sequence

# What stands between commas; a comma inside quotes parts nothing, and a quote that does not end is text.
# In an entity tag a backslash is a character like others, elsewhere it escapes the one that follows.
_ELEMENT = re.compile(r'(?:[^,"]++|"(?:[^"\\]|\\.)*+"|")++', re.DOTALL)
_TAG_ELEMENT = re.compile(r'(?:[^,"]++|"[^"]*+"|")++')
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")


def joined(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """The headers by name: several lines of one name are one list, joined by commas."""
    fields = dict(headers)
    if len(fields) < len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def elements(value: str, *, of_tags: bool = False) -> Iterator[str]:
    """The elements of a list, without the blanks around them; empty ones are ignored."""
    for match in (_TAG_ELEMENT if of_tags else _ELEMENT).finditer(value):
        element = match[0].strip(" \t")
        if element:
            yield element


def quality(accept: str, media_type: str) -> float:
    """How much an `Accept` wants a media type: 0 to 1, by the range in it that fits the type best. Parameters
    of a range but its weight are not looked at; a range whose weight is no number is ignored."""
    kind = media_type.partition("/")[0]
    fits = {media_type: 2, f"{kind}/*": 1, "*/*": 0}
    best, wanted = -1, 0.0
    for element in elements(accept):
        name, *parameters = (part.strip(" \t").lower() for part in element.split(";"))
        rank = fits.get(name, -1)
        weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
        if rank > best and _WEIGHT.match(weight):
            best, wanted = rank, float(weight)
    return wanted
