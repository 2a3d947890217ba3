"""Every command at every kind of end: done, refused, wrong, unreachable, a condition that does not hold; in a
pipe and on a terminal, with access off and on. A command without a row fails."""

import argparse
import io
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import calling
from app.cli.main import parser_of
from app.cli.tree import LISTED
from app.models.token import new_id, new_token, sha256_of
from tests.cli.rows import LOCAL, ROWS, Row, platform
from tests.cli.typed import on_terminal, plain, printed, typed
from tests.serving import Service, serving

CALLING = [pytest.param(name, row, id=name) for name, row in ROWS.items()]
OPEN = [param for param in CALLING if not param.values[1].closed]  # type: ignore[union-attr]
CHANGING = [param for param in CALLING if "--dry-run" in param.values[1].fine]  # type: ignore[union-attr]


class Platform:
    """A service with what the rows speak of."""

    def __init__(self, service: Service, names: dict[str, Any], admin: str | None) -> None:
        self.service = service
        self.names = names
        self.admin = admin

    def line(self, name: str, arguments: str) -> str:
        return f"{name} {arguments.format(**self.names)}"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "vars").write_text("a=1\n")
    (folder / "good.yaml").write_text("apps: [{name: applied, repo_url: r, stack: s}]\n")
    (folder / "bad.yaml").write_text("apps: [{name: 'no name', repo_url: r, stack: s}]\n")
    return folder


@pytest.fixture(scope="module")
def unguarded(files: Path) -> Iterator[Platform]:
    with serving() as service:
        yield Platform(service, {**platform(service, files), "token": "a" * 12, "file": files}, None)


@pytest.fixture(scope="module")
def guarded(files: Path) -> Iterator[Platform]:
    admin = new_token(new_id())
    with serving(admin_token_sha256=sha256_of(admin)) as service:
        yield Platform(service, {**platform(service, files, admin), "admin": admin, "file": files}, admin)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own contexts; a secret comes from standard input; what is away is given up at once."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.stdin", io.StringIO("battery staple\n"))
    monkeypatch.setattr(calling, "RETRY_FOR", 0)


@pytest.fixture
def off(unguarded: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("VISOR_URL", unguarded.service.url)
    return unguarded


@pytest.fixture
def on(guarded: Platform, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """With a token that may do what the row does."""
    name = request.node.callspec.params["name"]
    by = ROWS[name].by if name in ROWS else "admin"
    monkeypatch.setenv("VISOR_URL", guarded.service.url)
    monkeypatch.setenv("VISOR_TOKEN", guarded.names[by])
    return guarded


def test_every_command_has_a_row() -> None:
    assert {*ROWS, *LOCAL} == set(LISTED)
    assert ROWS.keys().isdisjoint(LOCAL)


@pytest.mark.parametrize(("name", "row"), OPEN)
def test_it_is_done_in_a_pipe_and_on_a_terminal(off: Platform, name: str, row: Row) -> None:
    """0: in a pipe there is no colour, on a terminal as many lines; what is tried changes nothing."""
    before = off.service.rev
    piped = printed(off.line(name, row.fine))
    assert "\x1b" not in piped
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("battery staple\n"))
        shown = plain(on_terminal(off.line(name, row.fine)))
    assert len(shown.splitlines()) == len(piped.splitlines()), (piped, shown)
    assert off.service.rev == before


@pytest.mark.parametrize(("name", "row"), CALLING)
def test_with_access_on_it_is_done_with_a_token_that_may(on: Platform, name: str, row: Row) -> None:
    assert typed(on.line(name, row.fine))[::2] == (0, "")


@pytest.mark.parametrize(("name", "row"), CALLING)
def test_without_a_token_it_is_1_and_says_how_to_have_one(
    on: Platform, name: str, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISOR_TOKEN")
    status, out, err = typed(on.line(name, row.fine))
    assert (status, out) == (1, "")
    assert re.match(r"visor: .*token.*\n  `visor login URL` saves a token; VISOR_TOKEN works too\.\n", err)


@pytest.mark.parametrize(("name", "row"), CHANGING)
def test_with_a_token_that_may_only_read_a_change_is_1_and_says_what_it_needs(
    on: Platform, name: str, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISOR_TOKEN", on.names["viewer"])
    status, out, err = typed(on.line(name, row.fine))
    assert (status, out) == (1, "")
    assert "do not allow this: it needs " in err, err


@pytest.mark.parametrize(("name", "row"), CALLING)
def test_what_the_service_refuses_is_1_with_its_sentence(on: Platform, name: str, row: Row) -> None:
    if row.refused == row.fine:
        pytest.skip("there is nothing that it could be refused")
    status, out, err = typed(on.line(name, row.refused))
    assert (status, out) == (1, ""), err
    assert re.match(r"visor: \S.*\n", err)
    assert "Traceback" not in err


@pytest.mark.parametrize("name", LISTED)
def test_a_slip_in_a_flag_is_2_and_names_the_nearest(
    name: str, on: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = [flag for flag in parser_of(name)._option_string_actions if flag.startswith("--")]
    flag = max(flags, key=len)
    arguments = on.line("", ROWS[name].fine) if name in ROWS else LOCAL[name].replace("--nothere", "")
    slip = flag[:4] + flag[5:]
    status, out, err = typed(f"{name} {arguments} {slip}")
    assert (status, out) == (2, "")
    assert err.endswith(f"unrecognized arguments: {slip}; did you mean {flag}?\n"), err


@pytest.mark.parametrize(("name", "row"), CALLING)
def test_a_service_that_is_not_there_is_3(
    on: Platform, name: str, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    status, out, err = typed(f"{on.line(name, row.fine)} --url {url}")
    assert (status, out) == (3, "")
    assert re.match(
        rf"visor: No answer from {url}: .*\n  Does it run\? `visor serve` starts one; .*\n\Z", err
    )


@pytest.mark.parametrize(("name", "row"), CHANGING)
def test_a_rev_that_is_not_the_present_one_is_5_and_every_flag_means_something(
    on: Platform, name: str, row: Row
) -> None:
    """What registers something new has no condition, and no flag for one."""
    assert ("--if-rev" in parser_of(name)._option_string_actions) == row.conditional
    if row.conditional:
        status, out, err = typed(f"{on.line(name, row.fine)} --if-rev 1")
        assert (status, out) == (5, ""), err
        assert err.endswith("It has changed since: read it again, and give its new rev as --if-rev.\n")


@pytest.mark.parametrize(("name", "row"), CALLING)
def test_as_curl_it_prints_the_call_and_changes_nothing(on: Platform, name: str, row: Row) -> None:
    """Without the token, and with it in its variable."""
    assert on.admin is not None
    before = on.service.client.get("/rev", headers={"Authorization": f"Bearer {on.admin}"}).json()["rev"]
    line = on.line(name, row.fine)
    shown = printed(f"{line} --curl")
    assert re.match(r"curl .*\"Authorization: Bearer \$VISOR_TOKEN\"", shown), shown
    assert on.admin not in shown
    if "--dry-run" in line:
        assert re.search(r"-X (POST|PUT|PATCH|DELETE) |-d ", shown), shown
        assert "dry_run=true" in shown
    headers = {"Authorization": f"Bearer {on.admin}"}
    assert on.service.client.get("/rev", headers=headers).json()["rev"] == before


@pytest.mark.parametrize(("name", "row"), CALLING)
def test_every_form_of_output_is_what_it_says(on: Platform, name: str, row: Row) -> None:
    """`json` is one document, `jsonl` one a line, `name` what a shell can take; `wide` is for people."""
    flags = parser_of(name)._option_string_actions
    assert ("-o" in flags) == row.formats
    if not row.formats:
        return
    line = on.line(name, row.fine)
    documents = [json.loads(each) for each in printed(f"{line} -o jsonl").splitlines()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("battery staple\n"))
        whole = printed(f"{line} -o json")
    if name not in ("events", "log"):  # which are streams
        assert len(whole.splitlines()) == 1, whole
        assert json.loads(whole) is not None or documents == []
    for form in ("name", "wide"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO("battery staple\n"))
            shown = printed(f"{line} -o {form}")
        assert form != "name" or not shown.startswith("{"), shown


@pytest.mark.parametrize("name", LISTED)
def test_its_help_has_every_flag_and_no_word_that_is_left_blank(name: str) -> None:
    shown = printed(f"{name} --help")
    parser = parser_of(name)
    assert shown.startswith(f"usage: visor {name}")
    shown_ones = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    for action in shown_ones:
        for flag in action.option_strings:
            assert re.search(rf"(?<![\w-]){re.escape(flag)}\b", shown), flag
    assert ("-w" in parser._option_string_actions) == (name in ROWS and ROWS[name].watched)
