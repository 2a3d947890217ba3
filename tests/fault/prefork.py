"""Starts `visor` commands as processes of their own, without the seconds that the imports take.

Run as a script it imports the application once, and then, for each line of JSON that it reads, forks
a process that runs the command: `{"args": [..], "stderr": path, "env": {..}}` -> its pid. With `listen`
and `machine` the command is handed a socket that listens on that port of this machine, and runs on the
machine (a network namespace); with `mutant` it has that defect. A line `{"wait": pid}` gives its exit
status, negative for a signal. When its input ends, all that still runs is killed.
"""

import json
import os
import signal
import sys
import traceback


def _run(
    args: list[str],
    stderr: str,
    env: dict[str, str],
    listen: int | None = None,
    machine: str | None = None,
    mutant: str | None = None,
) -> int:
    """In the child: what the console script `visor` does."""
    os.setsid()
    output = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(env)
    try:
        if mutant is not None:
            MUTANTS[mutant].patch()
        if listen is not None and machine is not None:
            # Made before it moves: a socket keeps the network that it was made in.
            listening = server.listen("127.0.0.1", listen)
            enter(machine)
            args = [*args, "--fd", str(listening.fileno())]
        return main(args)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 70


if __name__ == "__main__":
    from app.cli import backup, openapi, restore, serve  # noqa: F401 - what a command would import itself
    from app.cli.main import main
    from app.server import server
    from tests.etcd.namespaces import enter
    from tests.fault.mutants import MUTANTS

    # Nothing is flushed twice: the child leaves by _exit.
    running = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
            running.discard(asked["wait"])
        else:
            answer = os.fork()
            if answer == 0:
                code = _run(**asked)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            running.add(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGKILL)
