"""How the texts of this repository are read for their words: sentences with their length, and patterns that
make a text hard to read."""

import re
from collections.abc import Iterator

LONGEST = 30
"""Words of a sentence, at most: a longer one has to be read twice."""

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:^ {4,}(?![-*] ).*\n)+", re.MULTILINE)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"<[^>]+>")
_END = re.compile(r"(?<=[.!?])[*_)\"']*\s+|\n")
_WORD = re.compile(r"[^\W_][\w'.,/-]*")

RIDDLES = {
    "'who' as a noun": re.compile(
        r"(?:[:;]|\b(?:[Tt]o|[Ff]or|[Ff]rom|[Bb]y|[Ww]ith|[Ll]ets|[Tt]ells|[Cc]osts)) who (?!\w+ (?:it|you) )"
        r"|^Who (?![^?]*\?)|\. Who (?![^?.]*\?)"
    ),
    "'what is to be ..' as a noun": re.compile(r"\b[Ww]hat (?:is|are|was) to be \w+"),
    "'what nobody ..'": re.compile(r"\b[Ww]hat nobody\b"),
    "'is said' for shown": re.compile(r"\b(?:are|is) said (?:at|by|in|of|with)\b"),
    "'none of ours'": re.compile(r"\b(?:none|one) of ours\b"),
    "a class of the field under a name of our own": re.compile(
        r"\b(?:place in line|at the door|the door of|slot of a request|other hands|another hand)\b"
    ),
}


def sentences(markdown: str) -> Iterator[str]:
    """The sentences of a page, without its code, links and tables; a code word counts as one word."""
    text = _FENCE.sub("", markdown)
    text = _INDENTED.sub("", text)
    text = _TAG.sub("", _LINK.sub(r"\1", _CODE.sub("code", text)))
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*#|]|\d+\.) ?)", text):
        if block.lstrip().startswith(("|", "#")):
            for cell in block.split("|"):
                yield from _split(cell)
        else:
            yield from _split(" ".join(block.split()))


def _split(text: str) -> Iterator[str]:
    for sentence in _END.split(text):
        sentence = sentence.strip(" -*#")
        if sentence:
            yield sentence


def too_long(sentence: str) -> bool:
    return len(_WORD.findall(sentence)) > LONGEST


def riddles(text: str) -> list[str]:
    """The patterns that a text has, each with the words around it."""
    return [
        f"{name}: {text[max(match.start() - 30, 0) : match.end() + 30]!r}"
        for name, pattern in RIDDLES.items()
        for match in pattern.finditer(text)
    ]
