"""From the setting to the store."""

from pathlib import Path

import pytest
from contract_words import index, put, write

from app.errors import StartError
from app.store.etcd.access import EtcdAccess, place_of
from app.store.open import open_store, sqlite_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///visor.db", "visor.db"),
        ("sqlite:///./visor.db", "visor.db"),
        ("sqlite:////var/lib/visor/visor.db", "/var/lib/visor/visor.db"),
        ("sqlite:///a dir/v%20.db", "a dir/v%20.db"),
    ],
)
def test_the_file_of_a_url(url, path):
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "visor.db",
        "/var/visor.db",
        "sqlite:",
        "sqlite://visor.db",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///:memory:",
        "sqlite:///dir/",
        "memory",
        "memory:x",
        "postgres://root:geheim@h1/db",
    ],
)
def test_anything_else_is_refused_in_one_line_that_tells_no_secret(url):
    with pytest.raises(StartError) as refused:
        open_store(url, index, history=10, memory_revs=5)
    line = str(refused.value)
    assert "\n" not in line
    assert "sqlite:///relative.db" in line
    assert "geheim" not in line


def test_a_password_in_an_etcd_url_is_not_repeated():
    with pytest.raises(StartError) as refused:
        open_store("etcd://root:geheim@h1:2379/prefix", index, history=10, memory_revs=5)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}/s.db", "sqlite:///s.db"])
async def test_it_opens(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_store(url.format(tmp_path), index, history=10, memory_revs=5)
    await store.open()
    await write(store, *(put("a/1", f"{n}") for n in range(9)))
    assert (await store.at(1)).get("a/1").rev == 1
    await store.close()
    assert (tmp_path / "s.db").exists() is (url != "memory:")


@pytest.mark.parametrize(
    ("url", "endpoints", "path"),
    [
        ("etcd://h1:2379", ["h1:2379"], ""),
        ("etcd://h1:2379,h2:2379/visor", ["h1:2379", "h2:2379"], "/visor"),
        ("etcd://https://h1:2379/visor", ["https://h1:2379"], "/visor"),
        ("etcd://https://h1:2379,https://h2:2379/a/b", ["https://h1:2379", "https://h2:2379"], "/a/b"),
        ("etcd://http://h1:2379,h2:2379/", ["http://h1:2379", "h2:2379"], "/"),
        ("etcd://[::1]:2379/visor", ["[::1]:2379"], "/visor"),
    ],
)
def test_the_endpoints_and_the_prefix_of_an_etcd_url(url, endpoints, path):
    assert place_of(url, EtcdAccess()) == (endpoints, path)


@pytest.mark.parametrize(
    "url",
    [
        *("etcd:", "etcd://", "etcd:///visor", "etcd:h1:2379", "etcd://,/visor", "etcd://https:///visor"),
        *("etcd://ftp://h1:2379/visor", "etcd://h1:2379/visor?a=b", "etcd://h1/visor#a", "etcd://a/b,c/d"),
        "etcd://https://h1:2379,h2:2379/visor",
    ],
)
def test_an_etcd_url_that_cannot_be_read_is_refused_in_one_line(url):
    with pytest.raises(StartError) as refused:
        open_store(url, index, history=10, memory_revs=5)
    assert "\n" not in str(refused.value)
    assert "https://" in str(refused.value), "how TLS is written is said too"


def test_files_for_tls_and_http_contradict_each_other():
    with pytest.raises(StartError, match="https://"):
        place_of("etcd://http://h1:2379/visor", EtcdAccess(ca="ca.pem"))
