"""docs/architecture.md is true: its files are there, and its drawing is what imports what."""

import re
from itertools import product
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
APP = ROOT / "app"

DRAWN = set(re.findall(r"^ +(\w+) --> (\w+)$", PAGE, re.MULTILINE))
PLAIN = {"slips", "variables"}
"""Files beside the rooms that import nothing of them: not drawn."""


@pytest.fixture(scope="module")
def imports() -> set[tuple[str, str]]:
    """Which room imports which."""
    graph = grimp.build_graph("app", cache_dir=None)

    def room(module: str) -> str:
        return module.split(".")[1] if "." in module else ""

    found = {
        (room(module), room(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    return {(one, other) for one, other in found if one != other and one and other and other not in PLAIN}


def reachable(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs of which one leads to the other by arrows."""
    found = set(arrows)
    while True:
        more = {(a, d) for (a, b), (c, d) in product(found, found) if b == c} - found
        if not more:
            return found
        found |= more


def test_each_arrow_of_the_drawing_is_an_import(imports: set[tuple[str, str]]) -> None:
    assert len(DRAWN) > 15
    assert imports >= DRAWN


def test_no_import_goes_where_no_arrows_lead(imports: set[tuple[str, str]]) -> None:
    assert imports <= reachable(DRAWN)


def test_no_arrows_lead_in_a_circle() -> None:
    assert not [one for one, other in reachable(DRAWN) if one == other]


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", PAGE)
    assert len(named) > 40
    assert [path for path in named if not ((APP / path).exists() or (ROOT / path).exists())] == []


def test_every_room_is_in_the_tree() -> None:
    rooms = {path.name for path in APP.iterdir() if (path / "__init__.py").exists()}
    tree = PAGE[PAGE.index("## The rooms") : PAGE.index("Imports run one way")]
    assert {room for room in rooms if f"      {room}/" not in tree} == set()
