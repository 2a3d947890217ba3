"""No JSON that is kept is parsed twice for one answer: an app may have a megabyte of it."""

from collections.abc import Callable
from typing import Any

import pytest

from app.models import codec
from tests.serving import APP, Service, serving


@pytest.mark.parametrize(
    "call",
    [
        lambda visor: visor.get("/apps/cat/env/cow"),
        lambda visor: visor.get("/apps/cat/env/cow?rev=2"),
        lambda visor: visor.put("/apps/cat/env/cow", {"value": "mooo"}),
        lambda visor: visor.delete("/apps/cat/env/cow"),
    ],
    ids=["GET", "GET at a rev", "PUT", "DELETE"],
)
def test_an_app_is_parsed_once(call: Callable[[Service], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as visor:
        visor.made("/apps", {**APP, "name": "cat"})
        assert visor.put("/apps/cat/env/cow", {"value": "moo"}).status_code == 200
        parsed = list[bytes]()
        parse = codec.from_json

        def counted(value: bytes) -> Any:
            parsed.append(value)
            return parse(value)

        monkeypatch.setattr(codec, "from_json", counted)
        assert call(visor).status_code == 200
        assert len(parsed) == 1, parsed
