"""No answer is over `max_answer` bytes: a page ends early and says where to go on (DESIGN section 3)."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import Message

from app.events.turns import Turns
from app.http.large_answer import AT_ONCE_OF_ALL, LargeAnswer, Untaken
from app.models import keys
from app.models.scale import MAX_SCALE
from tests.conftest import EMBEDDED, store_of
from tests.http.other_hands import value_of, write
from tests.serving import APP, Service, serving

MOST = 2 * 1024 * 1024
LARGE = {f"k{number}": "x" * 64 * 1024 for number in range(15)}
"""Variables of an app: with them it is nearly as large as one may be."""
NAMES = [f"app-{number}" for number in range(8)]


@pytest.fixture(params=[*EMBEDDED, "archive"])
def visor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """Eight apps of 0.95 MB; with `archive` read from the file and not from memory."""
    kind = "sqlite" if request.param == "archive" else request.param
    more = {"memory_revs": 1} if request.param == "archive" else {}
    with serving(store=store_of(kind, tmp_path, request), max_answer=MOST, **more) as service:
        for name in NAMES:
            service.made("/apps", {**APP, "name": name, "env": LARGE})
        service.made("/services", {"name": "a"})
        service.made("/services", {"name": "b"})
        yield service


def test_a_page_of_large_objects_ends_early_and_gives_next(visor):
    """`GET /apps` of 58 MB was one answer, held in memory for each of its readers."""
    rev = len(NAMES)
    names, following, pages = [], "", 0
    while following is not None:
        more = {"cursor": following} if following else {"rev": visor.nth(rev)}
        answer = visor.get("/apps", params={"limit": 1000, **more})
        page = answer.json()
        assert len(answer.content) <= MOST
        assert page["items"]
        assert page["rev"] == visor.nth(rev)
        names += [item["name"] for item in page["items"]]
        following, pages = page["next"], pages + 1
    assert names == NAMES
    assert pages == 4, "two fit into one answer"


def test_a_page_of_one_large_object_is_that_object(visor):
    page = visor.get("/apps?limit=1").json()
    assert len(page["items"]) == 1
    assert page["next"] is not None


def test_small_objects_are_not_cut(visor):
    page = visor.get("/services?limit=1000").json()
    assert [item["name"] for item in page["items"]] == ["a", "b"]
    assert page["next"] is None


def test_a_list_of_large_events_ends_early_and_gives_next(visor):
    names, after = [], str(visor.start)
    while len(names) < len(NAMES):
        answer = visor.get("/events/list", params={"rev": after, "type": "app-*", "limit": 1000})
        page = answer.json()
        assert len(answer.content) <= MOST
        assert page["items"]
        names += [item["app"] for item in page["items"]]
        after = page["next"]
    assert names == NAMES
    assert visor.get("/events/list", params={"rev": after, "type": "app-*"}).json()["items"] == []


def test_a_scale_of_many_revisions_is_a_list_of_pages():
    """Each pair of a revision and an env set is an item, and there may be as many as instances: one answer of
    thousands had no bound. The longest names that there are, and as many items as a page may have."""
    with serving(max_answer=MOST) as visor:
        visor.runnable()
        visor.scale(1)
        record = json.loads(value_of(visor, keys.scale("cat", "web", "128af9", None)))
        names = [(f"{number:04}".rjust(128, "r"), "e" * 128) for number in range(1100)]
        for begin in range(0, len(names), 100):
            puts = {
                keys.scale("cat", "web", ref, env): json.dumps(
                    {**record, "revision": ref, "env": env, "target": MAX_SCALE}, separators=(",", ":")
                ).encode()
                for ref, env in names[begin : begin + 100]
            }
            write(visor, puts)
        scale = "/apps/cat/proctypes/web/scale"
        shown, following = [], ""
        while following is not None:
            answer = visor.get(scale, params={"limit": 1000, **({"cursor": following} if following else {})})
            page = answer.json()
            assert len(answer.content) <= MOST
            assert page["rev"] == visor.rev
            shown += page["items"]
            following = page["next"]
        assert [(item["revision"], item["env"]) for item in shown] == [("128af9", None), *names]
        assert [item["count"] for item in shown] == [1] + [0] * len(names)
        first = visor.get(scale).json()
        assert first["items"] == shown[:100]
        only = visor.get(scale, params={"revision": names[7][0]}).json()
        assert (only["items"], only["next"]) == ([shown[8]], None)
        visor.made("/services", {"name": "later"})
        second = visor.get(scale, params={"cursor": first["next"]}).json()
        assert (second["rev"], second["items"]) == (first["rev"], shown[100:200])


def test_of_a_disk_no_more_is_read_than_fits(tmp_path):
    """A thousand objects of a megabyte are not read to answer with two."""
    with serving(store=f"sqlite:///{tmp_path}/visor.db", memory_revs=1, max_answer=MOST) as visor:
        for number in range(40):
            visor.made("/apps", {**APP, "name": f"app-{number:02}", "env": LARGE})
        visor.made("/services", {"name": "a"})
        read = []
        log = visor.context.store._log
        snapshot_of = log.snapshot

        def counted(rev):
            snapshot = snapshot_of(rev)
            find = snapshot.find

            def counting(*given, **named):
                found = find(*given, **named)
                read.append(len(found))
                return found

            snapshot.find = counting
            return snapshot

        log.snapshot = counted
        page = visor.get("/apps", params={"limit": 1000, "rev": 40}).json()
        assert len(page["items"]) == 2
        assert sum(read) <= 16


def test_slow_readers_share_what_they_are_sent():
    """Twenty of them had a copy each, and held the places of others until they had read it."""
    with serving(max_requests=4) as visor:
        for name in NAMES:
            visor.made("/apps", {**APP, "name": name, "env": LARGE})
        readers = [socket.create_connection(("127.0.0.1", visor.port)) for _ in range(20)]
        try:
            before = resident()
            for reader in readers:
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.sendall(b"GET /apps?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert reader.recv(12) == b"HTTP/1.1 200"
            assert visor.get("/apps/app-1").status_code == 200, "their places are free again"
            assert resident() - before < 80 * 1024 * 1024, "and not 20 times 7.5 MB, and as much to send"
            whole = visor.get("/apps?limit=1000")
            assert int(whole.headers["Content-Length"]) == len(whole.content)
            assert [item["name"] for item in whole.json()["items"]] == NAMES
            assert visor.client.head("/apps?limit=1000").headers["Content-Length"] == str(len(whole.content))
        finally:
            for reader in readers:
                reader.close()


async def test_slow_readers_of_pages_hold_few_copies():
    """A page below 1 MiB is joined for its reader alone; but those who do not read have no forty copies."""
    piece = b"x" * 1000
    pieces, size = [piece] * 900, 900 * 1000 + 899
    reading = asyncio.Event()
    untaken = Untaken()
    sent: list[list[bytes]] = []

    async def ask() -> None:
        mine: list[bytes] = []
        sent.append(mine)

        async def send(message: Message) -> None:
            if mine and mine[-1]:
                await reading.wait()  # what was sent before is not taken yet
            mine.append(message.get("body", b""))

        await LargeAnswer(pieces, size, [], Turns(), lambda: None, untaken, b",")({}, receive, send)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asked = [asyncio.create_task(ask()) for _ in range(40)]
    while not (len(sent) == 40 and all(len(mine) > 1 for mine in sent)):  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert AT_ONCE_OF_ALL - size < untaken.bytes <= AT_ONCE_OF_ALL
    assert sum(len(mine[-1]) for mine in sent) < AT_ONCE_OF_ALL + 40 * 70_000
    reading.set()
    await asyncio.gather(*asked)
    assert {b"".join(mine) for mine in sent} == {b",".join(pieces)}, "all get the same"
    assert untaken.bytes == 0


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
