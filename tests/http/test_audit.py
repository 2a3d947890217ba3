"""The audit trail: every write, every refusal for want of a right, every read of secrets, and no content."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from app import logs
from app.errors import StartError
from tests.http.every_route import FILL, play
from tests.serving import APP, serving

CANARY = "canary-2b6d"
FIELDS = {"at", "request", "token_id", "token_name", "certificate", "peer"}
FIELDS |= {"method", "route", "names", "status", "code", "rev", "reason"}
Lines = Callable[[], list[dict[str, Any]]]


def audit_nowhere() -> None:
    """As before a file was set."""
    audit = logging.getLogger("visor.audit")
    for handler in list(audit.handlers):
        audit.removeHandler(handler)
        handler.close()
    audit.setLevel(logging.NOTSET)
    audit.propagate = True


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    """What has been written to the audit trail since it was asked last."""
    file, seen = tmp_path / "audit.log", [0]
    logs.audit_to(str(file))

    def read() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in file.read_text().splitlines()]
        assert CANARY not in file.read_text()
        new, seen[0] = found[seen[0] :], len(found)
        return new

    yield read
    audit_nowhere()
    assert file.stat().st_mode & 0o777 == 0o600


def test_each_write_is_a_line_and_reads_are_none(lines: Lines) -> None:
    with serving() as visor:
        play(visor, FILL)
        done = lines()
        assert [(line["method"], line["route"]) for line in done] == [(m, t) for m, t, _ in FILL]
        assert all(line["status"] < 300 and line["code"] is None and line["rev"] for line in done)
        assert {line["peer"] for line in done} == {"127.0.0.1"}
        assert len({line["request"] for line in done}) == len(FILL)
        for line in done:
            assert line.keys() == FIELDS, "and nothing else: no query, no header, no body"
        visor.get("/apps/cat")
        visor.get(f"/apps/cat?rev=1&x={CANARY}")
        assert lines() == []


def test_names_are_told_and_content_is_not(lines: Lines) -> None:
    with serving() as visor:
        visor.runnable()
        lines()
        body, headers = {"value": CANARY}, {"Visor-Reason": CANARY, "Visor-Actor": CANARY}
        visor.put("/apps/cat/secrets/PW", body, headers=headers)
        visor.put("/apps/cat/env/cow", {"value": [CANARY]}, headers=headers)
        visor.client.put("/apps/cat/env/cow", content=CANARY)
        visor.post("/apps/cat/nothing", body)
        told = [(line["names"], line["status"], line["code"], line["reason"]) for line in lines()]
        assert told == [
            ({"app": "cat", "key": "PW"}, 200, None, None),
            ({"app": "cat", "key": "cow"}, 422, "invalid-request", None),
            ({"app": "cat", "key": "cow"}, 415, "unsupported-media-type", None),
            ({}, 404, "not-found", None),
        ]


def test_reads_of_secrets_are_told_and_refused_ones_with_their_reason(lines: Lines) -> None:
    with serving() as visor:
        visor.runnable()
        visor.put("/apps/cat/secrets/PW", {"value": CANARY})
        id = visor.ticket()
        claim_rev = visor.made(f"/instances/{id}/claim", {"host": "10.0.0.7"})["claim_rev"]
        lines()
        visor.post(f"/instances/{id}/env", {"host": "10.0.0.7", "claim_rev": claim_rev})
        visor.post(f"/instances/{id}/env", {"host": "10.0.0.8", "claim_rev": claim_rev})
        visor.get("/apps", headers={"Origin": "https://evil.example.com"})
        told = lines()
        assert [(line["route"], line["status"], line["code"]) for line in told] == [
            ("/instances/{id}/env", 200, None),
            ("/instances/{id}/env", 403, "not-claimer"),
            (None, 403, "foreign-origin"),
        ]
        assert [line["names"] for line in told[:2]] == [{"id": str(id)}] * 2
        assert [bool(line["reason"]) for line in told] == [False, True, True]


def test_a_line_names_the_token_and_never_shows_it(lines: Lines) -> None:
    with serving(admin_token_sha256=hashlib.sha256(CANARY.encode()).hexdigest()) as visor:
        admin = {"Authorization": f"Bearer {CANARY}"}
        visor.get("/apps", headers={"Authorization": f"Bearer {CANARY}x"})
        visor.get("/apps")
        visor.get("/apps", headers=admin)
        visor.post("/apps", APP, headers=admin)
        told = [(line["method"], line["status"], line["code"], line["token_name"]) for line in lines()]
        assert told == [
            ("GET", 401, "unauthenticated", None),
            ("GET", 401, "unauthenticated", None),
            ("POST", 201, None, "admin"),
        ]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_without_a_file_it_is_in_the_log(log_format: str) -> None:
    stream = StringIO()
    root = logging.getLogger()
    level = root.level
    logs.configure(log_format, "info", stream)
    try:
        with serving() as visor:
            visor.made("/apps", APP)
            visor.get("/apps", headers={"Origin": "https://evil.example.com"})
            visor.get("/apps")
    finally:
        root.removeHandler(root.handlers[-1])
        root.setLevel(level)
    told = [line for line in stream.getvalue().splitlines() if "visor.audit" in line]
    entries = [json.loads(line if log_format == "json" else line.partition(": ")[2]) for line in told]
    assert [(one["route"], one["status"], one["peer"]) for one in entries] == [
        ("/apps", 201, "127.0.0.1"),
        (None, 403, "127.0.0.1"),
    ]
    assert log_format == "text" or entries[0]["message"] == "POST /apps 201"


def test_a_file_that_was_moved_away_is_made_anew(lines: Lines, tmp_path: Path) -> None:
    with serving() as visor:
        visor.made("/apps", APP)
        (tmp_path / "audit.log").rename(tmp_path / "audit.log.1")
        visor.delete("/apps/cat")
        assert "DELETE" in (tmp_path / "audit.log").read_text()


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="audit_log"):
        logs.audit_to(str(tmp_path / "absent" / "audit.log"))
