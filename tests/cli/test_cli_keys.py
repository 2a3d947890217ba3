"""`visor keys`: a keyring made, a service that starts by it or not, and a key changed while it serves."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import ended, refused
from tests.fault.visor_process import Serving, Starts, starting
from tests.serving import APP, ARCHIVE, keyring_file, serving

CANARY = "canary-91c7e04b"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starts]:
    """Starts `visor serve` with a store in the test's directory and these flags."""
    with starting(tmp_path / "visor.db") as start:
        yield start


def new_key(file: Path, *flags: str) -> str:
    done = ended("keys", "new", file, *flags)
    assert done.returncode == 0, done
    return done.stdout.decode().split("new key ")[1].split(",")[0]


def in_use(visor: Serving) -> dict[str, int]:
    lines = visor.client.get("/metrics").text.splitlines()
    found = [line.removeprefix('visor_keys_in_use{kid="') for line in lines if "visor_keys_in_use{" in line]
    return {line.split('"')[0]: int(float(line.split()[1])) for line in found}


def test_a_keyring_is_made_and_is_the_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    first, second = new_key(file), new_key(file)
    third = new_key(file, "--last")
    ids = [line.split()[0] for line in file.read_text().splitlines() if not line.startswith("#")]
    assert ids == [second, first, third]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_keyring_that_others_may_read_keeps_the_service_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    new_key(file)
    file.chmod(0o640)
    line = refused("serve", "--store", "memory:", "--port", "0", "--keyring-file", file)
    assert "chmod 600" in line
    assert "chmod 600" in refused("keys", "new", file)


def test_a_service_without_a_keyring_says_so_through_the_command() -> None:
    with serving(keyring_file=None) as visor:
        assert "visor keys new" in refused("keys", "rewrite", "--url", visor.url)


def test_with_a_missing_key_nothing_starts_and_the_line_names_it(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/visor.db"
    with serving(store=store) as visor:
        visor.made("/apps", APP)
        assert visor.put("/apps/cat/secrets/PW", {"value": "horse"}).status_code == 200
    file = tmp_path / "other"
    new_key(file)
    for flags in (["--keyring-file", file], []):
        line = refused("serve", "--store", store, "--port", "0", *flags)
        assert "not there: k1." in line
    with serving(store=store) as visor:
        assert visor.get("/apps/cat").json()["secrets"].keys() == {"PW"}


def test_a_key_is_changed_while_secrets_are_set_and_read(tmp_path: Path, start: Starts) -> None:
    """Nobody is refused meanwhile, everything is sealed with the new key afterwards, and with the old one
    gone the service starts and every secret opens."""
    file = tmp_path / "keyring"
    old = new_key(file)
    visor = start(keyring_file=file)
    client = visor.client
    client.post("/apps", json=APP)
    client.post("/apps/cat/revisions", json={"ref": "1", "archive_url": ARCHIVE})
    client.post("/apps/cat/proctypes", json={"name": "web"})
    client.post("/instances", json={"app": "cat", "revision": "1", "proctype": "web"})
    claim_rev = client.post("/instances/1/claim", json={"host": "10.0.0.7"}).json()["claim_rev"]
    me = {"host": "10.0.0.7", "claim_rev": claim_rev}
    wanted = {f"S{number}": f"{CANARY} {number}" for number in range(250)}
    for key, value in wanted.items():
        assert client.put(f"/apps/cat/secrets/{key}", json={"value": value}).status_code == 200
    wrong, over, rounds = [], threading.Event(), []

    def go_on() -> None:
        while not over.is_set():
            number = len(rounds) % 250
            value = f"{CANARY} {number} {len(rounds)}"
            put = client.put(f"/apps/cat/secrets/S{number}", json={"value": value})
            wanted[f"S{number}"] = value
            read = client.post("/instances/1/env", json=me)
            if (put.status_code, read.status_code) != (200, 200) or read.json()["vars"] != wanted:
                wrong.append((put.text, read.text))
            rounds.append(number)

    load = threading.Thread(target=go_on)
    load.start()
    try:
        new = new_key(file)
        os.kill(visor.pid, signal.SIGHUP)
        while new not in in_use(visor):
            assert load.is_alive()
        done = ended("keys", "rewrite", "--url", visor.url)
        assert done.returncode == 0, done
        assert b"until oldest_rev has passed" in done.stdout
        seen = len(rounds)
        while len(rounds) < seen + 10:
            assert load.is_alive()
    finally:
        over.set()
        load.join()
    assert wrong == []
    assert in_use(visor) == {new: 250, old: 0}
    keys = file.read_text().splitlines()
    file.write_text("\n".join(line for line in keys if not line.startswith(old)) + "\n")
    visor.terminate()
    visor.start()
    assert visor.client.post("/instances/1/env", json=me).json()["vars"] == wanted


def test_a_keyring_that_lacks_a_key_in_use_is_not_taken_at_sighup(tmp_path: Path, start: Starts) -> None:
    file = tmp_path / "keyring"
    file.touch(0o600)
    file.write_text(Path(str(keyring_file())).read_text())
    visor = start(keyring_file=file)
    visor.client.post("/apps", json=APP)
    visor.client.put("/apps/cat/secrets/PW", json={"value": CANARY})
    for content in ("", "other MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE\n", "k1\n"):
        file.write_text(content)
        told = visor.said.count("stays in use")
        os.kill(visor.pid, signal.SIGHUP)
        while visor.said.count("stays in use") == told:
            assert visor.client.get("/livez").status_code == 200
    answer = visor.client.put("/apps/cat/secrets/PW", json={"value": CANARY})
    assert answer.json()["rev"] == 2, "the key that was there still opens what it has sealed"
    assert CANARY not in visor.said


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_secret_is_nowhere_in_clear(tmp_path: Path, start: Starts, format: str) -> None:
    """Not in the file, its write-ahead log, a backup, an export, the log, the audit trail, the metrics,
    events, history, what differs between two revs, lists, snapshots, answers of dry runs and others,
    idempotency records, and what `--curl` prints; not even where a request with it was refused."""
    file, store = tmp_path / "keyring", tmp_path / "visor.db"
    new_key(file)
    audit = {"audit_log": tmp_path / "audit.log"} if format == "json" else {}
    visor = start(keyring_file=file, log_level="debug", log_format=format, **audit)
    client, body = visor.client, {"value": CANARY}
    idempotent = {"Idempotency-Key": "once"}
    client.post("/apps", json=APP)
    assert client.put("/apps/cat/secrets/PW", json=body, headers=idempotent).status_code == 200
    client.put("/apps/cat/secrets/PW", json=body)
    client.post("/apps/cat/revisions", json={"ref": "1", "archive_url": ARCHIVE})
    client.post("/apps/cat/proctypes", json={"name": "web"})
    client.post("/instances", json={"app": "cat", "revision": "1", "proctype": "web"}, headers=idempotent)
    claim_rev = client.post("/instances/1/claim", json={"host": "10.0.0.7"}).json()["claim_rev"]
    me = {"host": "10.0.0.7", "claim_rev": claim_rev}
    read = client.post("/instances/1/env", json=me, headers=idempotent)
    assert read.json()["vars"] == {"PW": CANARY}
    answers = [
        client.put("/apps/cat/secrets/PW", json={**body, "more": 1}),
        client.put("/apps/dog/secrets/PW", json=body),
        client.put("/apps/cat/secrets/b=d", json=body),
        client.put("/apps/cat/secrets/PW", content=json.dumps(body)),
        client.put("/apps/cat/secrets/PW", json={"value": [CANARY]}),
        client.put("/apps/cat/secrets/PW", json={CANARY: CANARY}),
        client.put("/apps/cat/secrets/PW", json=body, headers={"If-Match": '"999"'}),
        client.patch("/apps/cat", json={"secrets": {"PW": CANARY}}),
        client.post("/apply", json={"apps": [{**APP, "secrets": {"PW": CANARY}}]}),
    ]
    assert all(answer.status_code >= 400 for answer in answers)
    answers += [
        client.get(path)
        for path in (
            "/apps",
            "/apps/cat",
            "/apps/cat/secrets",
            "/apps?rev=2",
            "/apps/cat/env",
            "/instances/1",
            "/diff?from=1&include=all",
            "/commits?include=all",
            "/commits/3",
            "/timeline",
            "/export",
        )
    ]
    answers.append(client.put("/apps/cat/secrets/NEW?dry_run=true", json=body))
    assert [answer.status_code for answer in answers[-12:]] == [200] * 12
    answers += [
        client.get("/events/list?rev=0"),
        client.get("/metrics"),
        client.delete("/apps/cat/secrets/PW"),
    ]
    with client.stream("GET", "/events?snapshot=true&rev=2") as stream:
        shown = b""
        for chunk in stream.iter_raw():
            shown += chunk
            if b"app-update" in shown or b"snapshot-end" in shown:
                break
    assert ended("backup", tmp_path / "copy.db", "--store", f"sqlite:///{store}").returncode == 0
    set_it = ended("secret", "set", "cat", "PW", "--curl", "--url", visor.url, input=CANARY.encode())
    (tmp_path / "curl").write_bytes(set_it.stdout + set_it.stderr)
    assert set_it.stdout.endswith(b"/apps/cat/secrets/PW -d @-\n")
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert {"visor.db", "visor.db-wal", "copy.db", "visor.db.stderr"} <= kept.keys()
    assert b"v1.k" in kept["visor.db"] + kept["visor.db-wal"], "it is there, sealed"
    for name, content in kept.items():
        assert CANARY.encode() not in content, name
    for answer in answers:
        assert CANARY not in answer.text.replace(f'["body","{CANARY}"]', "").replace(f"body.{CANARY}", "")
    assert CANARY.encode() not in shown
