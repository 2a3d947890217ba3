"""What is shipped of swagger-ui-dist 5.35.0 is what was published, with its licence."""

import hashlib
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "app" / "swagger_ui"

SUMS = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


@pytest.mark.parametrize("name", SUMS)
def test_the_file_is_the_published_one(name):
    assert hashlib.sha256((FILES / name).read_bytes()).hexdigest() == SUMS[name]


def test_the_licence_is_shipped_beside_it():
    assert "Apache License" in (FILES / "LICENSE").read_text(encoding="utf-8")
    assert (FILES / "NOTICE").exists()
