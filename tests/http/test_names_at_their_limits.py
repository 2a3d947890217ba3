"""Names and values that are just allowed are taken, kept as given, and found again (DESIGN section 3)."""

import pytest

from tests.http.expect import invalid
from tests.serving import APP

NAMES = ["a", "Z", "0", "a.", "a-", "a..b", "a--b", "A.b-C.9", "x" * 128]
KEYS = [
    "COW_BELL",
    "cow-bell",
    "cow.bell",
    "_",
    "-",
    ".a",
    "0",
    "...",
    "..a",
    "..-",
    "a..",
    "." * 256,
    "K" * 256,
]
LIMIT = 64 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_names_of_apps_refs_and_services(visor, name):
    for path, body in (
        ("/apps", {**APP, "name": name}),
        ("/services", {"name": name}),
        (f"/apps/{name}/revisions", {"ref": name}),
        (f"/apps/{name}/envs", {"ref": name, "vars": {}}),
    ):
        made = visor.post(path, body)
        assert made.status_code == 201
        assert made.headers["Location"] == f"{path}/{name}"
        assert visor.get(made.headers["Location"]).json() == made.json()
        assert name in (made.json().get("name"), made.json().get("ref"))


@pytest.mark.parametrize("name", ["a", "0", "Web2", "x" * 64])
def test_names_of_proctypes(visor, name):
    visor.made("/apps", APP)
    made = visor.post("/apps/cat/proctypes", {"name": name})
    assert made.status_code == 201
    assert visor.get(f"/apps/cat/proctypes/{name}").json()["name"] == name


def test_keys_of_variables_are_kept_as_given(visor):
    """`COW_BELL`, `cow-bell` and `cow_bell` are three."""
    visor.made("/apps", APP)
    keys = [*KEYS, "cow_bell", "cow-BELL"]
    for key in keys:
        assert visor.put(f"/apps/cat/env/{key}", {"value": key}).json()["key"] == key
    assert visor.get("/apps/cat/env").json()["vars"] == {key: key for key in keys}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * LIMIT,
        "é" * (LIMIT // 2),
        "€" * (LIMIT // 3) + "x",
        "\U0001f600" * (LIMIT // 4),
        '\x01\n\r\t"\\\x7f',
    ],
    ids=["empty", "1 byte", "2 bytes", "3 bytes", "4 bytes", "control"],
)
def test_values_of_64_kib_are_taken_and_given_back(visor, value):
    visor.made("/apps", {**APP, "env": {"a": value}})
    assert visor.put("/apps/cat/env/b", {"value": value}).status_code == 200
    assert visor.patch("/apps/cat/env", {"c": value}).status_code == 200
    visor.made("/apps/cat/envs", {"ref": "a", "vars": {"d": value}})
    assert visor.get("/apps/cat").json()["env"] == {"a": value, "b": value, "c": value}
    assert visor.get("/apps/cat/env/b").json()["value"] == value
    assert visor.get("/apps/cat/envs/a").json()["vars"] == {"d": value}


@pytest.mark.parametrize(
    "value",
    [
        "x" * (LIMIT + 1),
        "é" * (LIMIT // 2) + "x",
        "€" * (LIMIT // 3) + "é",
        "\U0001f600" * (LIMIT // 4) + "x",
    ],
    ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"],
)
def test_one_byte_more_is_refused(visor, value):
    visor.made("/apps", APP)
    invalid(visor.post("/apps", {**APP, "name": "dog", "env": {"a": value}}), "body", "env", "a")
    invalid(visor.put("/apps/cat/env/a", {"value": value}), "body", "value")
    invalid(visor.patch("/apps/cat/env", {"a": value}), "body", "a")
    invalid(visor.post("/apps/cat/envs", {"ref": "a", "vars": {"a": value}}), "body", "vars", "a")
    assert visor.rev == visor.nth(1)


@pytest.mark.parametrize(
    "addr", ["10.0.0.7:1", "[::1]:65535", "box7.example.com:80", "a:1", "a_b.c:80", "x" * 63 + ":1"]
)
def test_addresses_of_runners(visor, addr):
    made = visor.post("/runners", {"addr": addr, "instance_id": 1})
    assert made.status_code == 201
    assert visor.get(made.headers["Location"]).json()["addr"] == addr


@pytest.mark.parametrize("addr", ["10.0.0.7", "::1", "2001:db8::7", "box7", "box7.example.com", "a" * 63])
def test_addresses_of_members(visor, addr):
    assert visor.put(f"/members/pms/{addr}", {"version": "1"}).json()["addr"] == addr
    assert visor.get(f"/members/pms/{addr}").json()["addr"] == addr
