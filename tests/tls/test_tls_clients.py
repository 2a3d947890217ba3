"""The Python client and the command line over TLS, with an authority of one's own and a certificate."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from app.cli.contexts import config_file
from tests.access.holders import give, grant
from tests.cli.typed import printed, typed
from tests.serving import Service
from tests.tls.authority import Authority
from tests.tls.conftest import Site
from visor_client import AsyncVisor, Forbidden, Untrusted, Visor


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secure: Service) -> Service:
    """Nobody's own contexts are looked at; `VISOR_URL` names the service."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("VISOR_URL", secure.url)
    return secure


def test_the_client_claims_by_its_certificate_alone(site: Site, secure: Service) -> None:
    id = secure.ticket()
    with Visor(secure.url, ca=str(site.authority.file), cert=site.host.cert, key=site.host.key) as visor:
        assert visor.claim_instance(id, "10.0.0.7").host == "10.0.0.7"
        with pytest.raises(Forbidden):
            list(visor.list_tokens())


async def test_so_does_the_one_for_asyncio(site: Site, secure: Service) -> None:
    id = secure.ticket()
    files = {"ca": str(site.authority.file), "cert": site.host.cert, "key": site.host.key}
    async with AsyncVisor(secure.url, **files) as visor:
        assert (await visor.claim_instance(id, "10.0.0.7")).host == "10.0.0.7"


def test_a_service_that_is_not_trusted_is_told_at_once_and_gets_no_token(
    secure: Service, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    with (
        Visor(secure.url, ca=str(stranger.file), token="secret", retry_for=60) as visor,
        pytest.raises(Untrusted, match="is not trusted"),
    ):
        visor.get_rev()


def test_files_that_are_no_good_are_said(site: Site, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no PEM\n")
    text, ca = str(tmp_path / "text"), str(site.authority.file)
    for files, words in (
        ({"cert": text}, "needs its key"),
        ({"ca": text}, "holds no certificate"),
        ({"ca": "/absent"}, "/absent"),
        ({"ca": ca, "cert": site.host.cert, "key": site.server.key}, "belong together"),
    ):
        with pytest.raises(ValueError, match=words):
            Visor("https://127.0.0.1:1", **files)


def test_commands_trust_the_file_that_is_named(
    site: Site, commands: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = typed("apps")
    assert done.status == 3
    assert "--ca FILE" in done.err
    reader = give(commands, grant("admin"))
    monkeypatch.setenv("VISOR_TOKEN", reader.token)
    assert "cat" in printed(f"apps -o name --ca {site.authority.file}")
    assert "cat" in printed(f"--ca {site.authority.file} apps -o name")
    monkeypatch.setenv("VISOR_CA", str(site.authority.file))
    assert "cat" in printed("apps -o name")
    assert reader.id in printed("token list")
    assert "0 secrets" in printed("keys rewrite")


def test_a_login_keeps_the_files(site: Site, commands: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISOR_URL")
    monkeypatch.chdir(site.directory)
    files = f"--ca {site.authority.file.name} --cert box7.crt --key box7.key"
    printed(f"login {commands.url} --name prod --no-token {files}")
    monkeypatch.chdir("/")
    kept = tomllib.loads(config_file().read_text())["contexts"]["prod"]
    assert kept == {
        "url": commands.url,
        "ca": str(site.authority.file),
        "cert": site.host.cert,
        "key": site.host.key,
    }
    assert "web" in printed(f"--context prod instance {commands.ticket()}")


def test_the_curl_line_has_the_files(site: Site, commands: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    commands.ticket()
    for name, file in (("CA", site.authority.file), ("CERT", site.host.cert), ("KEY", site.host.key)):
        monkeypatch.setenv(f"VISOR_{name}", str(file))
    line = printed("ps --curl").splitlines()[0]
    done = subprocess.run(["bash", "-c", f"{line} -sS"], capture_output=True, check=True)
    assert b'"items"' in done.stdout
