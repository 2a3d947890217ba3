"""The examples in docs/client.md, run in their order against a fresh service."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tests.serving import serving

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


def test_every_example_prints_what_the_page_says() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    with serving() as service:
        try:
            for code in blocks:
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(code.replace("http://127.0.0.1:8000", service.url), names)
                wanted = "".join(f"{line}\n" for line in re.findall(r"^# (.*)$", code, re.MULTILINE))
                assert printed.getvalue() == wanted, code
        finally:
            visor = names.get("visor")
            assert visor is not None, pytest.fail("the first example makes it")
            visor.close()  # type: ignore[attr-defined]
