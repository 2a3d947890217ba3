"""How many instructions an answer takes: python -m bench.instructions [NAME..]

Time depends on the machine and on what else it does; this hardly does. Visor and its peers run under valgrind
(callgrind) on real sockets, and what they execute is counted while a fixed number of requests is answered,
once everything is warm. What the kernel does is not counted, so that ratios are farther apart than those of
`python -m bench`. Needs `valgrind`; without one it says so.
"""

import argparse
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from app.models.token import new_id, new_token, sha256_of
from bench.connection import Connection, Wrong, request
from bench.peers import etcd, visor
from bench.processes import ALL, Pinning
from bench.serving import Served, Stage

CONNECTIONS = 16
WARM, COUNTED = 25, 100
"""Rounds, in each of which each connection asks once."""

MISSING = 3
"""The exit status where there is no valgrind."""

CLIENT_LIMITS = ("client_requests", "client_connections", "client_subscribers", "client_writes")

APP = {"name": "cat", "repo_url": "https://git.example.com/cat.git", "stack": "lenny"}


def missing() -> list[str]:
    """The programs that this needs and the machine does not have."""
    return [program for program in ("valgrind", "vgdb") if shutil.which(program) is None]


class Callgrind:
    """A server's process under callgrind. It counts only when it is told to: until then it is much faster."""

    def __init__(self, directory: Path) -> None:
        self._out, self._pipes = directory / "callgrind.out", directory / "vgdb"

    @property
    def command(self) -> list[str]:
        """What stands before the command of the server. Hashes, and so the shape of dicts, are the same in
        each run."""
        return [
            "env",
            "PYTHONHASHSEED=0",
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={self._out}",
            f"--vgdb-prefix={self._pipes}",
        ]

    def tell(self, served: Served, what: str) -> None:
        """Have it do something: see callgrind's manual, *monitor commands*."""
        command = ["vgdb", f"--vgdb-prefix={self._pipes}", f"--pid={served.pid}", *what.split()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def count(self, served: Served, ask: Callable[[], None]) -> int:
        """The instructions that the server executes while it is asked."""
        self.tell(served, "zero")
        before = set(self._out.parent.glob(f"{self._out.name}*"))
        ask()
        self.tell(served, "dump")
        (dump,) = set(self._out.parent.glob(f"{self._out.name}*")) - before
        return totals(dump.read_text())


def totals(dump: str) -> int:
    """The instructions that a file of callgrind says there were."""
    return sum(int(line.split()[1]) for line in dump.splitlines() if line.startswith("totals:"))


class Asker:
    """Some connections that ask the same all at once, and again when all are answered."""

    def __init__(self, port: int, asked: bytes) -> None:
        self._asked = asked
        self._connections = [Connection(port, b"20") for _ in range(CONNECTIONS)]

    def ask(self, rounds: int) -> None:
        for _ in range(rounds):
            for one in self._connections:
                one.send(self._asked)
            waiting = {one.socket: one for one in self._connections}
            while waiting:
                for socket in select.select(list(waiting), [], [], 60)[0]:
                    if waiting[socket].receive():
                        del waiting[socket]

    def close(self) -> None:
        for one in self._connections:
            one.close()


Subject = Callable[[Stage, Sequence[str]], tuple[Served, dict[str, bytes]]]
"""Starts a server below a command. What is asked of it, by what the answer is called."""


def visor_on(where: str, store: Callable[[Stage], str]) -> Subject:
    """Visor on a store: an app, an instance, and a variable that is set to what it was."""

    def start(stage: Stage, under: Sequence[str]) -> tuple[Served, dict[str, bytes]]:
        served = visor.start(stage, store(stage), under=under, header_timeout="600")
        visor.call(served, "POST", "/apps", APP)
        visor.call(served, "POST", "/apps/cat/revisions", {"ref": "r1", "archive_url": "https://x/r1"})
        visor.call(served, "POST", "/apps/cat/proctypes", {"name": "web"})
        ticket = {"app": "cat", "revision": "r1", "proctype": "web", "env": None}
        id = visor.call(served, "POST", "/instances", ticket)["id"]
        visor.call(served, "PUT", "/apps/cat/env/cow", {"value": "moo"})
        asked = {
            "GET /apps/{app}": request("GET", "/apps/cat"),
            "GET /instances/{id}": request("GET", f"/instances/{id}"),
            "PUT env, as it was": request("PUT", "/apps/cat/env/cow", b'{"value":"moo"}'),
        }
        return served, {f"{name}, {where}": one for name, one in asked.items()}

    return start


def with_tokens(stage: Stage, under: Sequence[str]) -> tuple[Served, dict[str, bytes]]:
    """Visor in memory, as it is read where tokens are needed: beside the same without one it says what a
    token costs."""
    root = new_token(new_id())
    settings = {"header_timeout": "600", "admin_token_sha256": sha256_of(root)}
    settings |= dict.fromkeys(CLIENT_LIMITS, "0")
    served = visor.start(stage, "memory:", under=under, **settings)
    visor.call(served, "POST", "/apps", APP, root)
    visor.call(served, "PUT", "/apps/cat/env/cow", {"value": "moo"}, root)
    asked = {}
    for whose, grant in (
        ("an operator's", {"role": "operator"}),
        ("a viewer's", {"role": "viewer", "apps": ["c*"]}),
    ):
        token = new_token(id := new_id())
        body = {"name": grant["role"], "grants": [grant], "sha256": sha256_of(token)}
        visor.call(served, "PUT", f"/tokens/{id}", body, root)
        get = request("GET", "/apps/cat", None, f"Authorization: Bearer {token}")
        asked[f"GET /apps/{{app}}, memory:, with {whose} token"] = get
    return served, asked


LISTED, APPS, CHANGED = 1000, 10, 100
"""Instances of a list, the apps that they are of, and how many change after the past rev that is read."""


def lists(stage: Stage, under: Sequence[str]) -> tuple[Served, dict[str, bytes]]:
    """Visor in memory, as it lists instances: now, and at a rev since which some have changed."""
    # Nothing is to be given back meanwhile: that would change it again.
    served = visor.start(stage, "memory:", under=under, header_timeout="600", claim_timeout="3600")
    for number in range(APPS):
        name = f"cat-{number}"
        visor.call(served, "POST", "/apps", {**APP, "name": name})
        visor.call(served, "POST", f"/apps/{name}/revisions", {"ref": "r1", "archive_url": "https://x/r1"})
        visor.call(served, "POST", f"/apps/{name}/proctypes", {"name": "web"})
        target = {"revision": "r1", "count": LISTED // APPS}
        visor.call(served, "PUT", f"/apps/{name}/proctypes/web/scale", target)
    past = visor.call(served, "GET", "/rev")["rev"]
    for _ in range(CHANGED):
        visor.call(served, "POST", "/instances/claim", {"host": "10.9.9.9"})
    path = f"/instances?limit={LISTED}"
    asked = {"": request("GET", path), " at a past rev": request("GET", f"{path}&rev={past}")}
    return served, {f"GET {path}{name}, memory:": one for name, one in asked.items()}


def peer(name: str, module: str, asked: bytes) -> Subject:
    """A program that does the same work and nothing else."""

    def start(stage: Stage, under: Sequence[str]) -> tuple[Served, dict[str, bytes]]:
        return stage.start_module(name, module, under=under), {name: asked}

    return start


ALONE = "uvicorn alone"
SUBJECTS: dict[str, Subject] = {
    "uvicorn": peer(ALONE, "bench.peers.bare_asgi", request("GET", "/220")),
    "fastapi": peer("FastAPI route", "bench.peers.fastapi_plain", request("GET", "/bytes/220")),
    "memory": visor_on("memory:", lambda stage: "memory:"),
    "lists": lists,
    "tokens": with_tokens,
    "embedded": visor_on("embedded", lambda stage: f"sqlite:///{stage.place('visor.db')}"),
    "etcd": visor_on("on etcd", lambda stage: f"etcd://127.0.0.1:{etcd.start(stage, ALL).port}"),
}


def count(stage: Stage, start: Subject, rounds: int = COUNTED) -> dict[str, float]:
    """The instructions of one answer to each of what the subject is asked."""
    directory = stage.place("counted")
    directory.mkdir()
    callgrind = Callgrind(directory)
    served, asked = start(stage, callgrind.command)
    found = {}
    for name, one in asked.items():
        # A connection on which nothing comes is closed after a while, and under valgrind all takes long.
        asker = Asker(served.port, one)
        asker.ask(WARM)
        callgrind.tell(served, "instrumentation on")
        asker.ask(1)
        number = callgrind.count(served, lambda asker=asker: asker.ask(rounds))  # type: ignore[misc]
        callgrind.tell(served, "instrumentation off")
        found[name] = number / rounds / CONNECTIONS
        asker.close()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(SUBJECTS)} (the default is all)"
    )
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep what callgrind_annotate reads")
    parser.add_argument("--rounds", type=int, default=COUNTED, help=f"of {CONNECTIONS} requests ({COUNTED})")
    given = parser.parse_args(argv)
    if unknown := set(given.names) - set(SUBJECTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if lacking := missing():
        sys.stderr.write(f"This needs {' and '.join(lacking)}: install valgrind.\n")
        return MISSING
    # A process under valgrind is slow: what it would be pinned for is not measured here.
    Pinning.wanted = False
    found: dict[str, float] = {}
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="visor-instructions-") as directory:
        for name in given.names or SUBJECTS:
            try:
                with Stage(Path(directory)) as stage:
                    found |= count(stage, SUBJECTS[name], given.rounds)
            except Wrong as error:
                # Under valgrind all takes 50 times as long: what has a time limit may be refused.
                wrong = 1
                sys.stderr.write(f"{name}: it did not answer as it should: {error}\n")
        if given.keep:
            shutil.copytree(directory, given.keep, dirs_exist_ok=True)
    for line in lines(found):
        sys.stdout.write(line + "\n")
    return wrong


def lines(found: dict[str, float]) -> list[str]:
    """A table: what each answer takes, and how much of that uvicorn alone would."""
    alone = found.get(ALONE)
    rows = ["| answer | instructions | uvicorn alone's over it |", "|---|---|---|"]
    for name, number in found.items():
        ratio = "" if alone is None else f"{alone / number:.2f}"
        rows.append(f"| {name} | {number:,.0f} | {ratio} |")
    return rows


if __name__ == "__main__":
    sys.exit(main())
