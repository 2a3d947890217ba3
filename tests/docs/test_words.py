"""The texts that users read are in plain words: short sentences, no riddles. So are the names in the code."""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.words import riddles, sentences, too_long

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *((ROOT / "docs" / f"{name}.md") for name in ("index", "concepts", "time", "secrets", "curl", "events")),
    *(
        (ROOT / "docs" / f"{name}.md")
        for name in (
            "errors",
            "cli",
            "client",
            "dashboard",
            "operations",
            "access",
            "architecture",
            "performance",
        )
    ),
    ROOT / "docs" / "performance.md",
    *sorted((ROOT / "docs" / "guides").glob("*.md")),
]

NO_NAMES = {"said", "found", "told", "asked", "one"}
"""They tell what happened to a thing, and not what it is: answer, records, header, requested rev, event."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_in_plain_words(page: Path) -> None:
    """No sentence is over 30 words, and none has to be decoded: see `words.py` for the patterns."""
    read = list(sentences(page.read_text()))
    assert len(read) > 5
    assert [sentence for sentence in read if too_long(sentence)] == []
    assert [riddle for sentence in read for riddle in riddles(sentence)] == []


@pytest.mark.parametrize(
    "text",
    [
        "An object that cannot be read is 404 to who asks for it.",
        "An event fits before or after: who follows a host sees it leave.",
        "Who finds no place waits for one.",
        "It says what is to be refused.",
        "A value that is none of ours is left out.",
    ],
)
def test_a_riddle_is_found(text: str) -> None:
    assert riddles(text) != []


@pytest.mark.parametrize(
    "text", ["Who changed it at 18:04?", "Tell the operator who called.", "what is there"]
)
def test_a_plain_sentence_is_no_riddle(text: str) -> None:
    assert riddles(text) == []


def test_a_sentence_of_thirty_one_words_is_found() -> None:
    """Code counts as one word, whatever it holds; a list's items are sentences of their own."""
    assert too_long("word " * 31)
    assert not too_long("word " * 30)
    assert [too_long(each) for each in sentences(f"- {'word ' * 20}\n- {'word ' * 20}")] == [False, False]
    assert [too_long(each) for each in sentences(f"`{'code ' * 40}` is one word.")] == [False]


def bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of what is bound: variables, parameters, attributes, functions, imports, patterns."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield node.lineno, name
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                yield from ((node.lineno, each.asname) for each in imported if each.asname is not None)


def names_that_say_nothing(source: str) -> list[str]:
    return [
        f"{line}: {name}"
        for line, name in bound_names(ast.parse(source))
        if name.strip("_").lower() in NO_NAMES
    ]


@pytest.mark.parametrize("room", ["app", "visor_client"])
def test_a_name_says_what_the_thing_is(room: str) -> None:
    """Nothing is called `said`, `found`, `told`, `asked` or `one`: that hides what it is."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert len(files) > 10
    bad = {str(file.relative_to(ROOT)): names_that_say_nothing(file.read_text()) for file in files}
    assert {file: names for file, names in bad.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "def f(said): pass",
        "async def _told(): pass",
        "self._asked = {}",
        "[one for one in items]",
        "lambda one: one.name",
        "import json as said",
        "try: pass\nexcept OSError as told: pass",
        "class _Said: pass",
        "match x:\n case [*found]: pass",
    ],
)
def test_a_name_that_says_nothing_is_found(source: str) -> None:
    assert len(names_that_say_nothing(source)) == 1


def test_a_name_of_a_thing_is_none_of_them() -> None:
    assert names_that_say_nothing("answer = found(one.said)\ndef asked_rev(rev, oneself): pass") == []


def comments(source: str) -> Iterator[str]:
    """The docstrings of a module, and its comments: those in lines below each other are one."""
    block, last = [], 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.STRING and token.string.startswith('"""'):
            yield " ".join(token.string.strip('"').split())
        elif token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield " ".join(block)
                block = []
            block.append(token.string.lstrip("# "))
            last = token.start[0]
    yield " ".join(block)


@pytest.mark.parametrize("room", ["server", "store"])
def test_comments_of_a_room_are_no_riddles(room: str) -> None:
    """Where the code is hardest, its comments are read by those who see it for the first time."""
    found_in = {
        file.relative_to(ROOT).as_posix(): puzzling
        for file in sorted((ROOT / "app" / room).rglob("*.py"))
        if (
            puzzling := [
                riddle
                for comment in comments(file.read_text())
                for sentence in sentences(comment)
                for riddle in riddles(sentence)
            ]
        )
    }
    assert found_in == {}


def test_a_riddle_in_a_comment_is_found() -> None:
    [_, comment] = comments("x = 1\n# Two lines:\n# who comes next waits.\n")
    assert riddles(comment)
