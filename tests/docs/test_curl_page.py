"""docs/curl.md is what a newcomer types: what it prints is what they get."""

from pathlib import Path

import pytest

from tests.docs.session import PAGE, fresh_service, run, same, steps


@pytest.mark.parametrize("store", ["memory:", "sqlite:///{tmp_path}/visor.db"])
def test_the_session_prints_what_the_page_says(store: str, tmp_path: Path) -> None:
    """Every curl command of the page, in order, on a fresh service, gives the output printed below
    it, times apart."""
    ran = 0
    with fresh_service(store.format(tmp_path=tmp_path)) as visor:
        for command, wanted in steps(PAGE.read_text()):
            printed = run(command, visor)
            if printed is not None:
                assert same(printed, wanted), f"{command}\nprinted:\n{printed}\npage:\n{wanted}"
                ran += 1
    assert ran >= 15
