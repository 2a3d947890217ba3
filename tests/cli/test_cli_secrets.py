"""`visor secret`: values go in by standard input, and never come out."""

import io
from pathlib import Path

import pytest

from tests.cli.typed import printed, typed
from tests.serving import Service, serving
from visor_client import Visor


def test_a_secret_is_set_listed_given_to_the_claimer_and_removed(
    commands: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.runnable()
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    said = printed("secret set cat DB_PASSWORD -m 'a new database'")
    assert "cat: secret DB_PASSWORD set, fingerprint " in said
    fingerprint = said.split()[-1]
    listed = printed("secret list cat")
    assert listed.splitlines()[0].split() == ["KEY", "FINGERPRINT", "REV"]
    assert f"DB_PASSWORD  {fingerprint}" in listed
    assert "horse" not in said + listed + printed("app cat -o json") + printed("log cat -o json")
    with Visor(commands.url) as visor:
        assert visor.get_secrets("cat").secrets["DB_PASSWORD"]["fingerprint"] == fingerprint
        id = commands.ticket()
        claimed = visor.claim_instance(id, "10.0.0.7")
        assert claimed.claim_rev is not None
        assert visor.read_environment(id, "10.0.0.7", claimed.claim_rev).vars == {
            "DB_PASSWORD": "correct horse"
        }
        assert visor.set_secret("cat", "DB_PASSWORD", "battery staple").fingerprint != fingerprint
        assert visor.rewrite_secrets().left == 0
    assert "secret DB_PASSWORD removed" in printed("secret unset cat DB_PASSWORD")
    assert printed("secret list cat -o name") == ""
    assert typed("secret unset cat DB_PASSWORD").status == 1


def test_a_service_without_a_keyring_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(keyring_file=None) as bare:
        bare.runnable()
        monkeypatch.setenv("VISOR_URL", bare.url)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        monkeypatch.setattr("sys.stdin", io.StringIO("x"))
        done = typed("secret set cat KEY")
        assert done.status == 1
        assert "visor keys new" in done.err
