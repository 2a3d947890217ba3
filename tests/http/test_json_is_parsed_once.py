"""No JSON that is kept is parsed twice for one answer: an app may have a megabyte of it."""

from collections.abc import Callable
from typing import Any

import pytest

from app.models import codec, key_terms
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


def test_an_instance_is_listed_by_what_was_written_without_parsing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is found by app, host and status in each of its states: its fields are known where it is written."""

    def parsed(value: bytes) -> Any:
        raise AssertionError(f"it was parsed: {value!r}")

    monkeypatch.setattr(key_terms, "from_json", parsed)
    with serving() as visor:
        visor.made("/apps", {**APP, "name": "cat"})
        visor.made("/apps/cat/revisions", {"ref": "r1", "archive_url": "https://archive.example.com/r1"})
        visor.made("/apps/cat/proctypes", {"name": "web"})
        visor.made("/apps/cat/envs", {"ref": "e1", "vars": {}})
        visor.made("/instances", {"app": "cat", "proctype": "web", "revision": "r1", "env": "e1"})

        def found(query: str) -> list[int]:
            return [
                item["id"]
                for item in visor.get(f"/instances?app=cat&revision=r1&env=e1&{query}").json()["items"]
            ]

        assert found("status=pending") == [1]
        said = {"host": "10.0.0.7"}
        for call, more, status in (
            ("claim", {}, "claimed"),
            ("start", {"hostname": "box7", "port": 20001}, "running"),
            ("stop", None, "stopping"),
            ("exit", {}, "exited"),
        ):
            body = None if more is None else {**said, **more}
            assert visor.post(f"/instances/1/{call}", body).status_code == 200
            assert found(f"status={status}&host=10.0.0.7") == [1]
        assert visor.delete("/instances/1").status_code == 200
        assert found("status=exited") == []
        assert len(visor.get("/apps/cat/proctypes/web/ended").json()["items"]) == 1
