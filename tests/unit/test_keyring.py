"""The keyring: what it seals opens under the same name, with a key of the file, and nowhere else."""

import os
import re
from pathlib import Path

import pytest

from app import keyring
from app.errors import StartError
from app.keyring import KeyMissing, Keyring, NotSealedHere

ONE, TWO = Keyring({"one": b"1" * 32}), Keyring({"two": b"2" * 32, "one": b"1" * 32})
NAME = "secret/cat,DB_PASSWORD"
LINE = "one MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE"


@pytest.mark.parametrize("value", ["", "x", "correct horse", "ü\n\t\x01" * 100, "x" * 64 * 1024])
def test_what_is_sealed_opens_and_does_not_show(value):
    sealed = ONE.seal(NAME, value)
    assert re.fullmatch(r"v1\.one\.[\w-]{16}\.[\w-]{22,}", sealed)
    assert ONE.open(NAME, sealed) == value
    assert len(value) < 2 or value not in sealed


def test_the_same_value_is_sealed_anew_each_time():
    assert ONE.seal(NAME, "moo") != ONE.seal(NAME, "moo")


@pytest.mark.parametrize("name", ["secret/cat,OTHER", "secret/dog,DB_PASSWORD", "secret/cat,DB_PASSWOR", ""])
def test_what_is_sealed_opens_under_no_other_name(name):
    with pytest.raises(NotSealedHere):
        ONE.open(name, ONE.seal(NAME, "moo"))


def test_what_was_altered_does_not_open():
    sealed = ONE.seal(NAME, "moo")
    # Not the last character: of its six bits some are none of the ciphertext's.
    for place in range(len("v1.one."), len(sealed) - 1, 3):
        if sealed[place] != ".":
            other = "A" if sealed[place] != "A" else "B"
            with pytest.raises(NotSealedHere):
                ONE.open(NAME, sealed[:place] + other + sealed[place + 1 :])


@pytest.mark.parametrize("text", ["", "moo", "v1.one.x.y", "v2.one." + "A" * 16 + "." + "A" * 22, "v1"])
def test_what_is_no_sealed_value_does_not_open(text):
    assert not keyring.is_sealed(text)
    with pytest.raises(NotSealedHere):
        ONE.open(NAME, text)


def test_the_first_key_seals_and_all_open():
    assert TWO.open(NAME, ONE.seal(NAME, "moo")) == "moo"
    assert TWO.seal(NAME, "moo").startswith("v1.two.")
    with pytest.raises(KeyMissing) as missing:
        ONE.open(NAME, TWO.seal(NAME, "moo"))
    assert missing.value.key_id == "two"


def test_without_a_key_nothing_is_sealed():
    with pytest.raises(KeyMissing):
        Keyring().seal(NAME, "moo")
    with pytest.raises(KeyMissing):
        Keyring().fingerprint(NAME, "moo")


def test_a_fingerprint_is_of_value_name_and_key():
    prints = {
        ring.fingerprint(name, value)
        for ring in (ONE, TWO)
        for name in (NAME, "secret/cat,OTHER")
        for value in ("moo", "mu")
    }
    assert len(prints) == 8
    assert all(re.fullmatch("[0-9a-f]{8}", each) for each in prints)
    assert ONE.fingerprint(NAME, "moo") == ONE.fingerprint(NAME, "moo")


def test_a_new_key_is_first_or_last_and_the_file_is_the_owners_alone(tmp_path: Path):
    file = tmp_path / "keyring"
    first = keyring.add_key(str(file))
    second = keyring.add_key(str(file))
    third = keyring.add_key(str(file), last=True)
    assert keyring.load(str(file)).key_ids == (second, first, third)
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["keyring"]


def test_no_file_is_no_keyring():
    assert keyring.load(None).key_ids == ()


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o601])
def test_a_keyring_that_others_may_read_is_refused(tmp_path: Path, mode: int):
    file = tmp_path / "keyring"
    keyring.add_key(str(file))
    file.chmod(mode)
    with pytest.raises(StartError, match="chmod 600"):
        keyring.load(str(file))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# nothing\n\n",
        "one",
        "one two three",
        f"{LINE}\n{LINE}",
        "one MTEx",
        "one not*base64",
        "a.b " + LINE.split()[1],
        LINE[:-1],
        "ü" * 33 + " x",
        "\0\xff",
    ],
)
def test_a_keyring_that_cannot_be_read_stops_the_start_with_one_line_without_its_keys(tmp_path, content):
    file = tmp_path / "keyring"
    file.touch(0o600)
    file.write_bytes(content.encode("latin-1", "ignore"))
    with pytest.raises(StartError) as refused:
        keyring.load(str(file))
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "MTExMTEx" not in str(refused.value)


@pytest.mark.parametrize("name", ["absent", ".", "absent/keyring"])
def test_a_file_that_is_none_is_one_line(tmp_path: Path, name: str):
    with pytest.raises(StartError, match="keyring_file"):
        keyring.load(str(tmp_path / name))
