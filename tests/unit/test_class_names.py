"""A class is known by its name: no two of the service have the same, and none of what the client makes."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# `visor_client/sync` is made of `visor_client/aio`, class by class; its records are named as openapi.yaml
# names them, and so are the service's models.
ROOMS = [["app"], ["visor_client/aio", "visor_client/claims.py"]]


@pytest.mark.parametrize("rooms", ROOMS, ids=["app", "client"])
def test_no_class_name_is_there_twice(rooms: list[str]) -> None:
    files = [
        file
        for room in rooms
        for file in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    ]
    names = Counter(
        node.name
        for file in files
        if file.exists()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []
