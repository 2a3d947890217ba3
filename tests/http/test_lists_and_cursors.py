"""Lists: bounded, ordered, and page by page of one snapshot (DESIGN section 3)."""

import base64
import hashlib
import threading

import pytest

from tests.http.every_route import LISTS, path_of
from tests.http.expect import invalid, refused
from tests.serving import APP, Service, serving

NAMES = [
    "0",
    "A",
    "Z",
    "a",
    "cat",
    "cat-",
    "cat-2",
    "cat.",
    "cat.a",
    "cat0",
    "catA",
    "cata",
    "dog",
    "z" * 128,
]
"""In the order of their characters: `-` and `.` before digits, capitals before small letters."""


def walk(visor: Service, path: str, **params: object) -> list[dict]:
    """The pages of a list, each by the cursor of the one before."""
    pages = [visor.get(path, params=params).json()]
    while pages[-1]["next"] is not None:
        assert len(pages) < 100
        pages.append(visor.get(path, params={**params, "cursor": pages[-1]["next"]}).json())
    return pages


def names(pages: list[dict], field: str = "name") -> list[str]:
    return [item[field] for page in pages for item in page["items"]]


@pytest.fixture
def apps(visor):
    for name in reversed(NAMES):
        visor.made("/apps", {**APP, "name": name})
    return visor


@pytest.mark.parametrize("limit", [1, 2, 3, 12, 13, 14, 1000])
def test_pages_make_the_whole_list_in_the_order_of_names(apps, limit):
    pages = walk(apps, "/apps", limit=limit)
    assert names(pages) == NAMES
    assert [len(page["items"]) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) == -(-len(NAMES) // limit), "no page is empty"


def test_two_part_names_are_ordered_part_by_part(visor):
    for app in ("cat-2", "cat", "cat.a", "bat"):
        visor.made("/apps", {**APP, "name": app})
        for ref in ("b", "a-1", "a"):
            visor.made(f"/apps/{app}/revisions", {"ref": ref})
    items = visor.get("/revisions").json()["items"]
    assert [(i["app"], i["ref"]) for i in items] == [
        (app, ref) for app in ("bat", "cat", "cat-2", "cat.a") for ref in ("a", "a-1", "b")
    ]
    assert names(walk(visor, "/apps/cat/revisions", limit=1), "ref") == ["a", "a-1", "b"]


def test_instances_are_ordered_by_number(visor):
    visor.runnable()
    visor.scale(12)
    assert names(walk(visor, "/instances", limit=5), "id") == list(range(1, 13))


@pytest.mark.parametrize("template", LISTS)
def test_the_form_of_a_list(full, template):
    page = full.get(path_of(template)).json()
    assert page.keys() == {"rev", "items", "next"}
    assert page["rev"] == full.rev
    assert len(page["items"]) == 1
    assert page["next"] is None


@pytest.mark.parametrize("template", LISTS)
def test_a_limit_is_1_to_1000(full, template):
    """`limit=0` is not "all"."""
    for limit in ("0", "-1", "1001", "", "all", "1_0", "+1", "1.0", str(2**64)):
        invalid(full.get(path_of(template), params={"limit": limit}), "query", "limit")
    for limit in (1, 1000):
        assert full.get(path_of(template), params={"limit": limit}).status_code == 200


def test_a_hundred_if_nothing_is_said(visor):
    for number in range(101):
        visor.made("/services", {"name": f"s{number:03}"})
    first, second = walk(visor, "/services")
    assert (len(first["items"]), len(second["items"])) == (100, 1)


def test_a_cursor_pins_the_snapshot_while_writes_go_on(apps):
    """Apps come, go and change between the pages, all through the list: the pages do not see it."""
    rev = apps.rev
    stop = threading.Event()

    def disturb() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            apps.post("/apps", {**APP, "name": f"b{turn}"})
            apps.delete(f"/apps/{NAMES[turn % len(NAMES)]}")
            apps.put(f"/apps/{NAMES[-1]}/env/turn", {"value": str(turn)})

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        pages = [apps.get("/apps", params={"limit": 1, "rev": rev}).json()]
        while pages[-1]["next"] is not None:
            seen = apps.rev
            pages.append(apps.get("/apps", params={"limit": 1, "cursor": pages[-1]["next"]}).json())
            while apps.rev < seen + 2:
                pass
    finally:
        stop.set()
        thread.join()
    assert names(pages) == NAMES
    assert {page["rev"] for page in pages} == {rev}
    assert all(item["rev"] <= rev for page in pages for item in page["items"])


def test_a_cursor_answers_with_the_rev_that_it_pins(apps):
    first = apps.get("/apps?limit=2").json()
    apps.delete("/apps/Z")
    answer = apps.get("/apps", params={"cursor": first["next"]})
    assert answer.headers["Visor-Rev"] == str(first["rev"])
    assert "Z" in names([answer.json()])


def test_a_cursor_and_a_rev_have_to_agree(two, cursor):
    assert two.get("/apps", params={"cursor": cursor, "rev": two.rev}).status_code == 200
    refused(two.get("/apps", params={"cursor": cursor, "rev": two.rev - 1}), 400, "invalid-cursor")


@pytest.fixture(scope="module")
def two():
    """A service with two of some things."""
    with serving() as visor:
        for app in ("a", "b"):
            visor.runnable(app)
            visor.made(f"/apps/{app}/revisions", {"ref": "second"})
            visor.scale(2, app=app)
        yield visor


@pytest.fixture(scope="module")
def cursor(two) -> str:
    """The cursor of the second app."""
    return two.get("/apps?limit=1").json()["next"]


def test_every_altered_character_of_a_cursor_is_noticed(two, cursor):
    assert two.get("/apps", params={"cursor": cursor}).json()["items"][0]["name"] == "b"
    for at, character in enumerate(cursor):
        for other in ("A" if character != "A" else "B", "_" if character != "_" else "-"):
            altered = cursor[:at] + other + cursor[at + 1 :]
            refused(two.get("/apps", params={"cursor": altered}), 400, "invalid-cursor")


def test_every_flipped_bit_of_a_cursor_is_noticed(two, cursor):
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        text = base64.urlsafe_b64encode(flipped).decode().rstrip("=")
        refused(two.get("/apps", params={"cursor": text}), 400, "invalid-cursor")


@pytest.mark.parametrize(
    "alter",
    [
        lambda c: "",
        lambda c: c + "=",
        lambda c: c + "A",
        lambda c: c[:-1],
        lambda c: c + "\n",
        lambda c: " " + c,
        lambda c: "é",
        lambda c: "x" * 4096,
        lambda c: base64.urlsafe_b64encode(b"x" * 9 + b"[" * 3000).decode().rstrip("="),
        lambda c: base64.urlsafe_b64encode(b'123456789[1e999,"a"]').decode().rstrip("="),
        lambda c: "MTIzNDU2Nzg5WzFlOTk5LCJhIl0",
    ],
)
def test_what_is_no_cursor_is_refused(two, cursor, alter):
    refused(two.get("/apps", params={"cursor": alter(cursor)}), 400, "invalid-cursor")


GIVEN = b'[1,"app/a"]'


def signed(payload: bytes) -> str:
    """A cursor of the apps with a sum that is right: anyone can work it out."""
    of = hashlib.sha256(b"/apps?[]").digest()
    made = hashlib.blake2b(payload, key=of, digest_size=9).digest() + payload
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


@pytest.mark.parametrize(
    "payload",
    [
        GIVEN,
        b"[" * 2000,
        b"{}",
        b"[1]",
        b'["1","a"]',
        b'[1,"\\ud800"]',
        b'[1.5,"a"]',
        b'[1, "a"]',
        b'[1e999,"a"]',
        b'[-1e999,"a"]',
        b'[NaN,"a"]',
        b'[1.0,"a"]',
        b'[true,"a"]',
        b'[null,"a"]',
        b'[0,"a"]',
        b'[-1,"a"]',
        b"[1,null]",
        b"[1,[]]",
        b'[9223372036854775807,"a"]',
        b'[9223372036854775808,"a"]',
        b'[%s,"a"]' % (b"9" * 2000),
        b'[1e%s,"a"]' % (b"9" * 2000),
    ],
)
def test_a_cursor_whose_sum_was_made_by_its_sender_is_no_fault(two, payload):
    """Anyone can work out the sum: what is under it is looked at as strictly."""
    text = signed(payload)
    if payload == GIVEN:
        assert two.get("/apps", params={"cursor": text}).status_code == 200, "the sum is worked out rightly"
        return
    refused(two.get("/apps", params={"cursor": text}), 400, "invalid-cursor")


def test_a_cursor_that_is_too_long_is_refused(two):
    invalid(two.get("/apps", params={"cursor": "x" * 4097}), "query", "cursor")


@pytest.mark.parametrize(
    "path",
    [
        "/revisions",
        "/services",
        "/apps/a/revisions",
        "/apps/b/instances",
        "/instances",
        "/instances?app=b",
        "/instances?status=pending",
    ],
)
def test_a_cursor_of_another_list_is_refused(two, path):
    """Another path and other filters are other lists."""
    others = [
        "/apps",
        "/apps/b/revisions",
        "/apps/a/instances",
        "/instances?app=a",
        "/instances?status=active",
    ]
    for other in others:
        glue = "&" if "?" in other else "?"
        following = two.get(f"{other}{glue}limit=1").json()["next"]
        assert following is not None
        glue = "&" if "?" in path else "?"
        refused(two.get(f"{path}{glue}cursor={following}"), 400, "invalid-cursor")


def test_the_limit_and_the_order_of_filters_may_change_between_pages(two):
    first = two.get("/instances?app=a&app=b&limit=1").json()
    rest = two.get(f"/instances?app=b&limit=50&app=a&cursor={first['next']}").json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [1, 2, 3, 4]


def test_a_cursor_whose_rev_is_compacted_is_gone():
    with serving(history=2) as visor:
        for name in ("a", "b", "c"):
            visor.made("/services", {"name": name})
        following = visor.get("/services?limit=1").json()["next"]
        for name in ("d", "e"):
            visor.made("/services", {"name": name})
        page = visor.get("/services", params={"cursor": following, "limit": 10}).json()
        assert names([page]) == ["b", "c"]
        visor.made("/services", {"name": "f"})
        refused(visor.get("/services", params={"cursor": following}), 410, "rev-compacted", oldest_rev=4)
