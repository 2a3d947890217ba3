"""kill -9 in the middle of an import: what was committed is true, and the same file goes on from there."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from tests.fault.visor_process import Launcher, Serving
from tests.http.import_files import ENVSET, LINES, WHOLE, file_of

ENVSETS = 2600
"""Three commits."""


def large_file() -> bytes:
    envsets = [
        (f"/apps/cat/envs/{ref}", {**ENVSET, "ref": ref})
        for ref in (f"e{number:05}" for number in range(2, ENVSETS))
    ]
    return file_of(*WHOLE[:2], *envsets, *WHOLE[3:])


def contents(visor: Serving) -> dict[str, Any]:
    found = visor.get("/export").text.splitlines()[1:-1]
    return {line.partition('","')[0]: line.partition('"created_at"')[2] for line in found}


def test_an_import_that_was_killed_goes_on_with_the_same_file(launcher: Launcher, tmp_path: Path) -> None:
    file = large_file()
    visor = Serving(launcher, tmp_path / "visor.db")
    try:
        visor.start()
        half = threading.Event()

        def slowly() -> Iterator[bytes]:
            for at in range(0, len(file), 64 * 1024):
                if at > len(file) // 2:
                    half.wait(30)
                yield file[at : at + 64 * 1024]

        def send() -> None:
            with suppress(httpx2.TransportError):  # it is killed
                visor.client.post("/import", content=slowly(), headers=LINES)

        sending = threading.Thread(target=send)
        sending.start()
        while visor.rev < 1:
            time.sleep(0.01)
        visor.kill()
        half.set()
        sending.join(30)
        visor.start()
        committed, begun = visor.rev, contents(visor)
        assert 1 <= committed < 3
        answer = visor.client.post("/import", content=file, headers=LINES)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["unchanged"], said["imported"]) == (len(begun), said["objects"] - len(begun))
        whole = contents(visor)
        assert len(whole) == said["objects"] == len(file.splitlines()) - 2
        assert begun.items() <= whole.items()
    finally:
        visor.close()
