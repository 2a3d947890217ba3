"""The committed openapi.yaml."""

from pathlib import Path

import pytest
import yaml

from tests.openapi.documented import Document

COMMITTED = Path(__file__).parents[2] / "openapi.yaml"


@pytest.fixture(scope="session")
def committed() -> str:
    return COMMITTED.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def document(committed: str) -> Document:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Document(yaml.load(committed, Loader=loader))
