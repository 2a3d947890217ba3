"""A function fits a screen: nobody has to scroll to see what it does. A file has one
idea, and so seldom more than 300 lines."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LINES = 50
"""Of a function's body, without its signature (which is a table where it declares parameters) and without its
docstring."""

FILE_LINES = 300
"""Of a file, without its empty lines."""

LONGER = {
    "app/server/connection.py": "the one class between a socket and the application, with its tables",
    "app/settings.py": "one table: a field for each setting, with its help",
}
"""The files that are longer, and why each has but one idea. None is added: what grows is divided."""


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines from the first statement to the last."""
    first = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    return (function.end_lineno or first.lineno) - first.lineno + 1


@pytest.mark.parametrize("room", ["app", "visor_client"])
def test_no_function_is_longer_than_a_screen(room: str) -> None:
    too_long = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name} has {body_lines(node)} lines"
        for file in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > LINES
    ]
    assert too_long == []


def test_a_long_function_is_seen() -> None:
    source = "def f():\n    '''What it does.'''\n" + "    x = 1\n" * (LINES + 1)
    [function] = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == LINES + 1


def lines_of(text: str) -> int:
    """The lines of code, of comments and of docstrings."""
    return sum(bool(line.strip()) for line in text.splitlines())


@pytest.mark.parametrize("room", ["app", "visor_client"])
def test_no_file_has_more_than_three_hundred_lines_but_those_that_are_named(room: str) -> None:
    longer = {
        name
        for file in sorted((ROOT / room).rglob("*.py"))
        if lines_of(file.read_text()) > FILE_LINES
        for name in [file.relative_to(ROOT).as_posix()]
    }
    named = {name for name in LONGER if name.startswith(f"{room}/")}
    assert sorted(longer - named) == [], "divide it: it has two ideas"
    assert sorted(named - longer) == [], "it is short now: take it off the list"


def test_a_long_file_is_seen() -> None:
    assert lines_of("x = 1\n\n  \n# Why.\n" * FILE_LINES) == 2 * FILE_LINES
