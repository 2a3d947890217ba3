"""A function fits a screen: nobody has to scroll to see what it does."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LINES = 50
"""Of a function's body, without its signature (which is a table where it declares parameters) and without its
docstring."""


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
