"""Tests as on a slow machine: the time that a part of Visor gives itself is made short, and all else stays.

    python -m tests.slow_machine app.store.etcd.writer:TURN=0.0002 -- tests/contract tests/etcd

A test that fails then, though Visor keeps its promises, relies on work being done in one slice of time: on a
machine that is busy enough it would fail by chance. Services that tests start as processes have the short
time, too.
"""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
CONSTANT = re.compile(r"app(\.\w+)*:\w+=[\w.]+")


def main(words: list[str]) -> int:
    """Run pytest with these constants; its exit status."""
    split = words.index("--") if "--" in words else len(words)
    constants, arguments = words[:split], words[split + 1 :]
    if not constants or not all(map(CONSTANT.fullmatch, constants)):
        sys.exit(f"{__doc__}\nWanted: MODULE:NAME=NUMBER.., then -- and what pytest is to run.")
    paths = [str(HERE / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "VISOR_TEST_CONSTANTS": " ".join(constants)}
    # A new interpreter: this one may have read the modules already.
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *arguments], {**os.environ, **environment})


if __name__ == "__main__":
    main(sys.argv[1:])
