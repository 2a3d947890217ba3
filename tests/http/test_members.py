"""Members: the platform's own parts, here those that stay until they are removed (DESIGN section 4)."""

import pytest

from tests.http.expect import invalid, raw, refused

PLACES = [("pms", "10.0.0.7"), ("proxies", "box7.example.com"), ("loggers", "10.0.0.7:514")]


@pytest.mark.parametrize(("kind", "addr"), PLACES)
def test_a_member_is_put_read_and_removed(visor, kind, addr):
    path = f"/members/{kind}/{addr}"
    answer = visor.put(path, {"version": "1.4.2"})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == visor.tag(1)
    made = answer.json()
    assert made == {
        "kind": kind,
        "addr": addr,
        "version": "1.4.2",
        "ttl": None,
        "rev": visor.nth(1),
        "created_rev": visor.nth(1),
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }
    assert visor.get(path).json() == made
    assert visor.get(f"/members/{kind}").json() == {"rev": visor.nth(1), "items": [made], "next": None}
    assert visor.delete(path).json() == {"rev": visor.nth(2)}
    refused(visor.get(path), 404, "not-found")
    refused(visor.delete(path), 404, "not-found")
    assert visor.rev == visor.nth(2)


def test_a_new_version_is_a_change_and_the_same_one_is_none(visor):
    first = visor.put("/members/pms/10.0.0.7", {"version": "1"}).json()
    again = visor.put("/members/pms/10.0.0.7", {"version": "1", "ttl": None})
    assert (again.status_code, again.json(), visor.rev) == (200, first, visor.nth(1))
    second = visor.put("/members/pms/10.0.0.7", {"version": "2"}).json()
    assert (second["version"], second["rev"], second["created_rev"]) == ("2", visor.nth(2), visor.nth(1))


@pytest.mark.parametrize(("kind", "addr"), PLACES)
def test_a_member_need_not_name_a_version(visor, kind, addr):
    path = f"/members/{kind}/{addr}"
    made = visor.put(path, {}).json()
    assert (made["version"], made["ttl"], made["rev"]) == (None, None, visor.nth(1))
    assert visor.put(path, {"version": None}).json() == visor.get(path).json() == made
    assert visor.put(path, {"version": "1"}).json()["version"] == "1"
    assert visor.put(path, {}).json()["version"] is None
    assert visor.rev == visor.nth(3)


def test_kinds_are_apart(visor):
    for kind in ("pms", "proxies"):
        visor.put(f"/members/{kind}/10.0.0.7", {"version": kind})
    assert [one["version"] for one in visor.get("/members/pms").json()["items"]] == ["pms"]
    assert visor.get("/members/loggers").json()["items"] == []
    visor.delete("/members/pms/10.0.0.7")
    assert visor.get("/members/proxies/10.0.0.7").status_code == 200


def test_members_are_listed_by_address(visor):
    for addr in ("box", "10.0.0.8", "10.0.0.10", "::1"):
        visor.put(f"/members/pms/{addr}", {"version": "1"})
    listed = [one["addr"] for one in visor.get("/members/pms").json()["items"]]
    assert listed == ["10.0.0.10", "10.0.0.8", "::1", "box"]


@pytest.mark.parametrize(
    ("kind", "addr"),
    [("loggers", "10.0.0.7"), ("loggers", "::1"), ("pms", "10.0.0.7:80"), ("proxies", "[::1]:80")],
)
def test_loggers_alone_have_a_port(visor, kind, addr):
    path = f"/members/{kind}/{addr}"
    for answer in (visor.put(path, {"version": "1"}), visor.get(path), visor.delete(path)):
        invalid(answer, "path", "addr")
    assert visor.rev == visor.nth(0)


@pytest.mark.parametrize("kind", ["pm", "PMS", "hosts", "pms%20"])
def test_there_are_three_kinds(visor, kind):
    for path in (f"/members/{kind}", f"/members/{kind}/10.0.0.7"):
        status, said = raw(visor, "GET", path)
        assert (status, said["errors"][0]["loc"]) == (422, ["path", "kind"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"version": ""}, "version"),
        ({"version": "v" * 257}, "version"),
        ({"version": 1}, "version"),
        ({"version": "1", "ttl": 0}, "ttl"),
        ({"version": "1", "ttl": -1}, "ttl"),
        ({"version": "1", "ttl": "5"}, "ttl"),
        ({"version": "1", "ttl": 1.5}, "ttl"),
        ({"version": "1", "kind": "pms"}, "kind"),
    ],
)
def test_what_a_member_says_is_checked(full, body, field):
    before = full.rev
    invalid(full.put("/members/pms/10.0.0.7", body), "body", field)
    assert full.rev == before
