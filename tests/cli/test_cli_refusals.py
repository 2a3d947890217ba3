"""What the commands say where something is wrong, and their exit codes; contexts; completion."""

import json
import re
import socket
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from app.cli.calling import when
from app.cli.completion import candidates
from tests.cli.running import started
from tests.cli.typed import printed, typed
from tests.serving import Service

REFUSALS = [
    ("app nothere", 1, r"There is no app nothere at rev \d+\.\n  `visor apps` lists them\."),
    (
        "revision show cat nothere",
        1,
        r"There is no revision nothere .*\n  `visor revision list APP`.*",
    ),
    ("instance 999", 1, r"There is no instance 999 .*\n  `visor ps -a` lists them\."),
    ("app create cat --repo r --stack s", 1, r"App cat .*|There is .*|.*already.*"),
    ("app create -- - --repo r", 2, r".*--stack.*|.*required.*"),
    ("app set cat", 2, r"nothing to change: give --repo, .*"),
    ("env set cat novalue", 2, r"'novalue' is no KEY=VALUE"),
    ("env set cat", 2, r"no variables are given: .*"),
    ("env set --app cat --app nothere a=b", 1, r"There is no app nothere .*\n.*"),
    ("env import cat /nowhere/vars", 1, r"/nowhere/vars cannot be read: No such file or directory"),
    ("scale cat web=many --revision r", 2, r"'many' .*|'web=many' is no PROC=N: web=3"),
    ("scale cat web=3", 2, r"app cat has no head: give --revision, or run `visor app set cat --head REF`"),
    ("ps --rev 999999", 1, r"Rev 999999 has not been reached.*"),
    ("apps --at sometime", 2, r"'sometime' is no time: .*"),
    ("env set cat a=b --if-rev 999999", 5, r"The resource is at rev \d+.*\n  It has changed since: .*"),
    ("instance wait {id} --for running --timeout 0", 4, r""),
    ("apply -f /nowhere", 1, r"/nowhere cannot be read: No such file or directory"),
    ("revert nothere --to 1", 1, r".*nothere.*(\n.*)?"),
    ("undo 999999", 1, r".*999999.*"),
    ("show 999999", 1, r".*999999.*"),
    ("nothere", 2, r"there is no command nothere; `visor --help` lists them"),
    ("psa", 2, r"there is no command psa; did you mean ps\?"),
    ("evn get cat", 2, r"there is no command evn; did you mean env\?"),
    ("env sett cat a=b", 2, r"there is no command env sett; did you mean env set\?"),
    ("instance stpo 1", 2, r"there is no command instance stpo; did you mean instance stop\?"),
    ("ps --stauts running", 2, r".*unrecognized arguments: --stauts; did you mean --status\?"),
    ("ps --status runing", 2, r".*did you mean running\?"),
    ("--context nothere apps", 1, r"there is no context nothere; .*"),
]


@pytest.fixture
def cat(commands: Service) -> int:
    """The id of a pending instance."""
    if commands.get("/apps/cat").status_code == 404:
        commands.runnable()
    return commands.ticket()


@pytest.mark.parametrize(("line", "status", "says"), REFUSALS)
def test_a_refusal_says_why_and_what_to_type_next(cat: int, line: str, status: int, says: str) -> None:
    done = typed(line.format(id=cat))
    assert done.status == status, done
    if says:
        assert done.out == ""
        assert re.search(rf"visor.*: (error: )?({says})\n\Z", done.err), done.err
    assert "Traceback" not in done.err


def test_no_command_at_all_and_a_group_alone_are_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("").status == 2
    assert "usage: visor COMMAND" in typed("").err
    assert "usage: visor env" in typed("env").err
    assert "env unset APP KEY.." in printed("env --help")
    assert "app create NAME" in printed("app --help")


def test_a_service_that_is_not_there_is_3(commands: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    status, out, err = typed(f"apps --url {url}")
    assert (status, out) == (3, "")
    assert re.match(
        rf"visor: No answer from {url}: .*\n  Does it run\? `visor serve` starts one; .*\n\Z", err
    )


def test_a_misspelled_variable_names_the_nearest(commands: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISOR_CONTXT", "prod")
    assert typed("apps").err.endswith("did you mean VISOR_CONTEXT?\n")


def test_a_context_is_kept_for_its_owner_alone_and_used(
    commands: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISOR_URL")
    assert printed(f"login {commands.url} --name here --no-token").startswith("here is kept in ")
    file = tmp_path / "visor" / "config.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert printed("context") == f"* here  {commands.url}\n"
    assert printed("apps") == printed(f"apps --url {commands.url}")
    printed(f"login {commands.url} --name 'od\"d' --no-token")
    assert printed("context here") == ""
    assert printed("context").splitlines()[0].startswith("* here")
    assert typed("context heree").err == "visor: there is no context heree; did you mean here?\n"
    printed("context here --delete")
    assert "here" not in printed("context")
    file.write_text("current = [")
    assert "is damaged" in typed("apps").err


def test_a_context_that_cannot_be_reached_is_not_kept(commands: Service, tmp_path: Path) -> None:
    assert typed("login ftp://x --no-token").status == 1
    assert typed("login http://127.0.0.1:9 --no-token").status == 3
    assert not (tmp_path / "visor" / "config.toml").exists()


def test_a_context_s_token_goes_to_its_own_address_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.cli import contexts

    for name in contexts.CLIENT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    prod = contexts.ServiceAddress("https://visor.example.com", "secret")
    contexts.save(contexts.Contexts({"prod": prod}, "prod"))
    assert contexts.choose(None, None) == prod
    assert contexts.choose("http://evil.example.com", None).token is None
    monkeypatch.setenv("VISOR_URL", "http://other.example.com")
    assert contexts.choose(None, None).token is None
    assert contexts.choose(None, "prod") == prod


def test_times_as_people_write_them() -> None:
    now = datetime(2026, 11, 30, 18, 30, tzinfo=timezone(timedelta(hours=1)))
    assert when("-10m", now) == "-10m"
    assert when("18:05", now) == "2026-11-30T18:05:00+01:00"
    assert when("19:00", now) == "2026-11-29T19:00:00+01:00", "the last one that was"
    assert when("yesterday 18:00:30", now) == "2026-11-29T18:00:30+01:00"
    assert when("2026-11-30T18:05:00Z", now) == "2026-11-30T18:05:00+00:00"


def test_completion_knows_commands_their_groups_and_flags() -> None:
    assert "ps" in candidates([""])
    assert candidates(["ap"]) == ["app", "apply", "apps"] or candidates(["ap"]) == ["app", "apps"]
    assert candidates(["env", ""]) == ["get", "import", "set", "unset"]
    assert "--revision" in candidates(["ps", "--re"])
    assert candidates(["instance", "wait", "3", "--f"]) == ["--for"]
    assert candidates(["nothere", "--"]) == []


def test_bash_asks_it(tmp_path: Path) -> None:
    script = printed("completion bash")
    asked = (
        f'visor() {{ "{sys.executable}" -m app.cli "$@"; }}\n{script}\n'
        'COMP_WORDS=(visor env u); COMP_CWORD=2; _visor; echo "$COMPREPLY"'
    )
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "unset\n", done.stderr
    assert "compdef" in printed("completion zsh")
    assert "complete -c visor" in printed("completion fish")


def test_a_watch_draws_again_when_something_happens(commands: Service) -> None:
    """As a process, ended by Ctrl-C."""
    flags = ["-w", "-o", "name", "--url", commands.url]
    with started("service", "list", *flags, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n", "there is none yet"
        commands.made("/services", {"name": "watched"})
        assert process.stdout.readline() == b"watched\n"
        process.send_signal(2)
        assert process.wait(30) == 130


def test_events_are_followed_line_by_line(commands: Service) -> None:
    flags = ["-f", "--since", str(commands.rev), "-o", "jsonl", "--url", commands.url]
    with started("events", *flags, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        commands.made("/services", {"name": "followed"})
        assert json.loads(process.stdout.readline())["service"] == "followed"
        process.send_signal(2)
        assert process.wait(30) == 130


def test_commits_are_followed_line_by_line(commands: Service) -> None:
    """What was there is said at once, in a pipe too, and what comes as it comes."""
    commands.made("/services", {"name": "before"})
    flags = ["-f", "-n", "1", "-o", "jsonl", "--url", commands.url]
    with started("log", *flags, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["changes"][0]["path"] == "/services/before"
        commands.made("/services", {"name": "after"})
        assert json.loads(process.stdout.readline())["changes"][0]["path"] == "/services/after"
        process.send_signal(2)
        assert process.wait(30) == 130
