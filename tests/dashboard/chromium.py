"""Which Chromium drives the dashboard, and what judges it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

CHROMIUM = os.environ.get("VISOR_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
# As root there is no sandbox; and a browser that looks for updates says so on a machine without internet.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other sites, on this machine.
    "--host-resolver-rules=MAP *.test 127.0.0.1",
]
AXE = "axe-core@4.14.1"


def axe_source(where: Path) -> str | None:
    """The source of axe, which judges whether a page can be used with a screen reader; fetched into a
    directory. None where there is no npm, or no registry."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    packed = subprocess.run(
        [npm, "pack", "--json", AXE], cwd=where, capture_output=True, text=True, check=False
    )
    if packed.returncode != 0:
        return None
    name = json.loads(packed.stdout)[0]["filename"]
    subprocess.run(["tar", "xzf", name, "package/axe.min.js"], cwd=where, check=True)
    return (where / "package" / "axe.min.js").read_text()
