"""What is said of a record is made once: a page that was asked for before is joined, not made again."""

import pytest

from app.models import codec
from app.store.records import Record
from tests.serving import Service, serving

COUNT = 12


def made_for(visor: Service, path: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the records that the answer was made of one by one."""
    keys: list[str] = []
    make = codec.wire

    def counted(record: Record) -> bytes:
        keys.append(record.key)
        return make(record)

    with monkeypatch.context() as patched:
        patched.setattr(codec, "wire", counted)
        assert visor.get(path).status_code == 200
    return keys


def test_a_page_is_joined_though_nobody_has_asked_for_what_comes_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The record behind a page, which tells that there are more, has nothing made of it; that alone once had
    each record of each first page gone through one by one, for ever."""
    with serving() as visor:
        visor.runnable()
        visor.scale(COUNT)
        path = f"/instances?limit={COUNT - 1}"
        assert len(visor.get(path).json()["items"]) == COUNT - 1
        assert made_for(visor, path, monkeypatch) == []
        assert made_for(visor, f"/instances?limit={COUNT}", monkeypatch) != []
        assert made_for(visor, f"/instances?limit={COUNT}", monkeypatch) == []
