"""Each command of the tree against a running service, in a pipe and on a terminal."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from app.cli.tree import LISTED
from tests.cli.typed import on_terminal, plain, printed, typed
from tests.serving import Service

NO_SERVICE = {
    *("serve", "backup", "restore", "openapi", "completion", "version", "login", "context", "demo"),
    # Of these test_cli_transfer.py has the tests.
    *("import", "inspect"),
}
"""Commands that call no service, or have tests of their own."""

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"

DAY = [
    ("app create rocket --repo https://git.example.com/r.git --stack lenny", r"rev \d+  app rocket created"),
    ("app create other --repo /o --stack s --type lxc -m testing", r"rev \d+  app other created"),
    ("app set rocket --stack squeeze", r"rev \d+  app rocket: stack squeeze"),
    ("undo 3 --plan", r'~ /apps/rocket stack "squeeze" -> "lenny"\nplan [0-9a-f]{64}'),
    ("env set rocket cow=moo 'cat=m e=ow'", r"rev \d+  rocket: set cow=moo cat=m e=ow"),
    ("env unset rocket cat", r"rev \d+  rocket: unset cat"),
    ("diff 3 4 /apps/rocket", rf'~ /apps/rocket env.cat - -> "m e=ow"   \(rev 4, {TIME}, anna\)\n.*cow.*'),
    ("diff 0 1 -o name", r"/apps/rocket"),
    ("log rocket -n 1", rf"5  {TIME}  anna  update /apps/rocket"),
    ("log --since 1 --until 2", rf"2  {TIME}  anna  create /apps/other  \(testing\)"),
    ("log --since -1h --actor nobody", r""),
    (
        "show 4",
        r'rev:     4\n(.|\n)*~ /apps/rocket\n    env.cat - -> "m e=ow"\n.*env.cow.*',
    ),
    ("show 1", r"(.|\n)*request: POST /apps\nreason:  -\n\+ /apps/rocket create"),
    ("apply -f {tmp}/platform --plan", r"\+ /apps/applied\nplan [0-9a-f]{64}"),
    ("apply -f {tmp}/platform", r"\+ /apps/applied\nrev \d+  1 changed"),
    ("apply -f {tmp}/platform/all.yaml -o name", r""),
    ("apply -f {tmp}/platform", r"rev \d+  nothing to do"),
    ("app delete applied", r"rev \d+  app applied deleted"),
    ("app rocket --at -0s -o name", r"rocket"),
    ("env get rocket", r"cow=moo"),
    ("env get rocket cow", r"moo"),
    ("find cow=moo", r"APP     cow\nrocket  moo"),
    ("env import other {tmp}/vars", r"rev \d+  other: set a=1 b=two words"),
    ("env set rocket cow=MOO", r"rev \d+  rocket: set cow=MOO"),
    ("export /apps/rocket --rev 1", r'{"visor":1,"rev":1,.*}\n{"path":"/apps/rocket",.*}\n{"end":true,.*}'),
    ("revert rocket --to 5 --plan", r'~ /apps/rocket env.cow "MOO" -> "moo"\nplan [0-9a-f]{64}'),
    ("revert /apps/rocket/env --to -0s -o name", r""),
    ("revert rocket --to 5 -m oops", r'~ /apps/rocket env.cow "MOO" -> "moo"\nrev \d+  1 changed'),
    ("revert rocket --to 5", r"rev \d+  nothing to do"),
    ("env set --app rocket --app other both=yes", r"rev \d+  rocket, other: set both=yes"),
    ("find both -o name", r"other\nrocket"),
    ("env unset rocket both", r"rev \d+  rocket: unset both"),
    ("env unset other both", r"rev \d+  other: unset both"),
    ("env-set create rocket prod-7 a=b", r"rev \d+  rocket: env set prod-7 created"),
    ("env-set list rocket", rf"REF     VARIABLES  CREATED +REV\nprod-7  1          {TIME}  \d+"),
    ("env-set show rocket prod-7", r"a=b"),
    ("revision propose rocket r900", r"rev \d+  rocket: revision r900 proposed"),
    ("revision ratify rocket r900 /archive/r900", r"rev \d+  rocket: revision r900 accepted"),
    ("revision propose rocket r901 --archive /archive/r901", r"rev \d+  rocket: revision r901 accepted"),
    ("revision list rocket", rf"REF   APP     STATE .*\nr900  rocket  accepted  {TIME}  \d+\nr901 .*"),
    ("revision list -o name", r"r900\nr901"),
    (
        "revision show rocket r900",
        r"app:     rocket\nref:     r900\nstate:   accepted(.|\n)*",
    ),
    ("revision delete rocket r901", r"rev \d+  rocket: revision r901 deleted"),
    ("app set rocket --head r900", r"rev \d+  app rocket: head r900"),
    ("proc create rocket web --memory 512", r"rev \d+  rocket: proctype web created, port 8000"),
    ("proc create rocket worker", r"rev \d+  rocket: proctype worker created, port 8001"),
    ("proc set rocket web --memory none", r"rev \d+  rocket: proctype web memory without limit"),
    ("proc list rocket", r"NAME    PORT  MEMORY  CREATED(.|\n)*web     8000  -(.|\n)*"),
    (
        "scale rocket web=3 worker=1",
        r"rev \d+  rocket web r900: 0 -> 3 \(started 1, 2, 3\)\nrev \d+  rocket worker r900: 0 -> 1.*",
    ),
    ("scale rocket web=2 --revision r900", r"rev \d+  rocket web r900: 3 -> 2 \(stopped \d\)"),
    ("ps rocket", r"ID  APP +PROC +REVISION  STATUS +HOST  PORT  SINCE\n(.*pending.*\n){2}.*worker.*"),
    ("ps rocket/worker -o name", r"4"),
    ("ps --status running", r""),
    ("instance 4", r"id:         4\napp:        rocket\nproc:       worker(.|\n)*status:     pending(.|\n)*"),
    ("instance lock 4 --because 'look at it'", r"rev \d+  instance 4 is locked"),
    ("instance unlock 4", r"rev \d+  instance 4 is unlocked"),
    ("instance wait 4 --for pending", r"instance 4 is pending"),
    ("CLAIM", r""),
    ("instance restart 4 --oom", r"rev \d+  instance 4 was started again"),
    ("hosts", r"HOST      RUNNING  CLAIMED  STOPPING  APPS\n10.0.0.7  1        0        0         1"),
    ("host 10.0.0.7", r"(.|\n)*4 .*worker.*running  10.0.0.7  9000  .*"),
    ("instance stop 4", r"rev \d+  instance 4 is told to stop"),
    ("instance lost 4 --because silence", r"rev \d+  instance 4 is lost"),
    (
        "status",
        r"service    http.*\nrev        \d+, .*; history from 0\napps       2\nhosts      0\n"
        r"instances  2 pending, 1 lost\nneeds you  rocket worker #4 lost .*: silence",
    ),
    ("purge rocket --older 1d", r"rev \d+  rocket: 0 purged"),
    ("purge rocket", r"rev \d+  rocket: 1 purged"),
    ("events rocket -n 2", rf"\d+  {TIME}  anna  instance-lost .*#4\n\d+  .*  instance-unregister .*#4"),
    ("events --since 0 --type app-register -o name", r"1-0\n2-0\n\d+-0"),
    ("service create cache", r"rev \d+  service cache created"),
    ("service list", rf"NAME   CREATED +REV\ncache  {TIME}  \d+"),
    ("endpoint create cache 10.0.0.7 11211 --weight 5", r"rev \d+  cache: endpoint 10-0-0-7-11211 created"),
    ("endpoint list cache", r"ID +ADDR +PORT +IP +PRIORITY  WEIGHT\n10-0-0-7-11211  10.0.0.7  11211 .*5"),
    ("endpoint delete cache 10-0-0-7-11211", r"rev \d+  cache: endpoint 10-0-0-7-11211 deleted"),
    ("service delete cache", r"rev \d+  service cache deleted"),
    ("member set pms 10.0.0.7 --version 1.4.2 --ttl 10m", r"rev \d+  pms: 10.0.0.7 is there"),
    ("member list pms", r"ADDR +KIND  VERSION  TTL  SINCE\n10.0.0.7  pms   1.4.2    600 .*"),
    ("member delete pms 10.0.0.7", r"rev \d+  pms: 10.0.0.7 deleted"),
    ("runner create 10.0.0.7:9000 4", r"rev \d+  runner 10.0.0.7:9000 runs instance 4"),
    ("runner list --host 10.0.0.7", r"ADDR +HOST +INSTANCE  SINCE\n10.0.0.7:9000  10.0.0.7  4 .*"),
    ("runner delete 10.0.0.7:9000", r"rev \d+  runner 10.0.0.7:9000 deleted"),
    ("apps", r"NAME    HEAD  VARIABLES  CHANGED +REV\nother   -     2 .*\nrocket  r900  1 .*"),
    (
        "app rocket",
        r"name:    rocket\ntype:    lxc(.|\n)*cow=moo\nproc:    web r900: 2 of 2 \(pending 2\)(.|\n)*",
    ),
    ("app rocket --rev 1", r"name:    rocket(.|\n)*stack:   lenny(.|\n)*"),
    ("--url {url} apps --rev 1 -o name", r"rocket"),
    ("scale rocket web=0", r"rev \d+  rocket web r900: 2 -> 0 \(stopped \d, \d\)"),
    ("app set rocket --no-head", r"rev \d+  app rocket: head None"),
    ("env-set delete rocket prod-7", r"rev \d+  rocket: env set prod-7 deleted"),
    ("proc delete rocket worker", r"rev \d+  rocket: proctype worker deleted"),
    ("app delete other", r"rev \d+  app other deleted"),
]


def test_a_day_of_commands_and_what_each_prints(commands: Service, tmp_path: Path) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "all.yaml").write_text("apps: [{name: applied, repo_url: r, stack: s}]\n")
    (tmp_path / "vars").write_text("# these\n\na=1\nb=two words\n")
    for line, wanted in DAY:
        if line == "CLAIM":
            made = commands.made("/instances/4/claim", {"host": "10.0.0.7"})
            body = {"host": "10.0.0.7", "claim_rev": made["claim_rev"], "hostname": "box7", "port": 9000}
            commands.made("/instances/4/start", body)
            continue
        shown = printed(line.format(tmp=tmp_path, url=commands.url))
        assert re.fullmatch(wanted, shown.rstrip("\n")), f"{line}\n{shown}"


def test_no_command_is_left_out_of_the_day() -> None:
    words = [line.replace("--url {url} ", "") for line, _ in DAY]
    # Those of tokens, keys and secrets have tests of their own.
    listed = {name for name in LISTED if not name.startswith(("token ", "keys ", "secret "))}
    unused = {name for name in listed if not any(line.startswith(name) for line in words)}
    assert unused == NO_SERVICE & listed


@pytest.fixture
def rocket(commands: Service) -> Service:
    if (
        commands.get("/apps/rocket/proctypes/web").status_code == 404
        or commands.get("/apps/rocket/revisions/128af9").status_code == 404
    ):
        commands.delete("/apps/rocket")
        commands.runnable("rocket")
    commands.scale(2, app="rocket")
    return commands


LOOKS = [
    "status",
    "ps",
    "apps",
    "app rocket",
    "instance {id}",
    "find k",
    "env get rocket",
    "revision list",
    "events",
]


def test_a_terminal_has_relative_times_and_json_with_indents(rocket: Service) -> None:
    printed("env set rocket k=v")
    id = printed("ps rocket -o name").split()[0]
    for line in LOOKS:
        command = line.format(id=id)
        shown, piped = on_terminal(command), printed(command)
        assert "\x1b" not in piped
        assert shown.endswith("\n")
        assert len(shown.splitlines()) == len(piped.splitlines()), command
        if line != "events":
            assert not re.search(TIME, shown), shown
    assert "\x1b[33mpending\x1b[0m" in on_terminal("ps rocket")
    assert "0s ago" in plain(on_terminal("app rocket")) or "s ago" in plain(on_terminal("app rocket"))
    assert '\n  "name": "rocket",\n' in on_terminal("app rocket -o json")


def test_programs_get_the_json_of_the_service(rocket: Service) -> None:
    assert json.loads(printed("app rocket -o json")) == rocket.get("/apps/rocket").json()
    listed = json.loads(printed("ps rocket -o json"))
    assert listed["items"] == rocket.get("/apps/rocket/instances?status=active").json()["items"]
    lines = [json.loads(line) for line in printed("ps rocket -o jsonl").splitlines()]
    assert lines == listed["items"]
    assert json.loads(printed("env set rocket k=v -o json"))["vars"]["k"] == "v"
    assert json.loads(printed("status -o json"))["instances"]["pending"] >= 2
    assert "HOSTNAME" in printed("ps rocket -o wide")


def test_a_dry_run_says_what_would_be_and_changes_nothing(rocket: Service) -> None:
    rev = rocket.rev
    assert re.match(
        r"would be rev \d+  rocket web 128af9: 2 -> 5",
        printed("scale rocket web=5 --revision 128af9 --dry-run"),
    )
    assert printed("env set rocket k=v --dry-run").startswith("would be rev ")
    assert rocket.rev == rev


def test_what_people_say_at_a_change_is_in_the_journal(rocket: Service) -> None:
    printed("env set rocket k=why -m 'make cows löuder'")
    event = rocket.get(f"/events/list?rev={rocket.rev - 1}").json()["items"][0]
    assert event["actor"] == "anna"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_line_of_a_command_does_what_the_command_does(rocket: Service) -> None:
    line = printed("""env set rocket "quote=it's" -m because --if-rev 99999 --curl""")
    assert rocket.get("/apps/rocket/env/quote").status_code == 404, "it was printed, and not done"
    done = subprocess.run(shlex.split(line), capture_output=True, check=True)
    assert json.loads(done.stdout)["code"] == "rev-mismatch"
    line = line.replace("""-H 'If-Match: "99999"' """, "")
    done = subprocess.run(shlex.split(line), capture_output=True, check=True)
    assert json.loads(done.stdout)["vars"]["quote"] == "it's"
    read = subprocess.run(shlex.split(printed("app rocket --curl")), capture_output=True, check=True)
    assert json.loads(read.stdout)["name"] == "rocket"


def test_as_curl_a_command_that_makes_several_calls_prints_each_of_them(rocket: Service) -> None:
    """What has to be read for them is read: the head of the app, and that the apps are there."""
    printed("app set rocket --head 128af9")
    lines = printed("scale rocket web=5 worker=1 --curl").splitlines()
    assert ["/proctypes/web/scale" in lines[0], "/proctypes/worker/scale" in lines[1]] == [True, True]
    assert all('"revision":"128af9"' in line for line in lines)
    assert len(printed("instance lock 1 2 --curl").splitlines()) == 2
    [line] = printed("env set --app rocket --app rocket a=b --curl").splitlines()
    assert line.startswith("curl ")
    assert "/apply" in line
    assert typed("env set --app nothere a=b --curl").status == 1
    assert rocket.get("/apps/rocket/env/a").status_code == 404


def test_each_command_has_its_help() -> None:
    for name in LISTED:
        done = typed(f"{name} --help")
        assert done.status == 0, name
        assert done.out.startswith((f"usage: visor {name}", "usage: visor "))
