"""The reference pages are what openapi.yaml and the commands say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_pages_are_what_their_sources_say() -> None:
    """Where this fails: `.venv/bin/python scripts/reference` writes them anew."""
    check = [sys.executable, ROOT / "scripts" / "reference", "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_each_operation_and_each_command_is_there() -> None:
    api = (ROOT / "docs" / "reference" / "api.md").read_text()
    commands = (ROOT / "docs" / "reference" / "commands.md").read_text()
    for line in ("### POST /apps/{app}/revisions/{ref}/ratify", "### GET /timeline", "| `buckets` | query |"):
        assert line in api
    for line in ("### visor undo", "### visor demo", "| `--speed N` |", "| `-m "):
        assert line in commands
