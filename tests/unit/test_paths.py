"""The path of each object and its key are one to one, and a subtree ends at a segment."""

import pytest

from app.errors import InvalidRequest
from app.models import key_terms, keys, paths
from app.models.paths import Include, key_of, path_of, subtree

PAIRS = [
    ("/apps/rocket", keys.app("rocket")),
    ("/apps/rocket/revisions/128af9", keys.revision("rocket", "128af9")),
    ("/apps/rocket/envs/prod-7", keys.envset("rocket", "prod-7")),
    ("/apps/rocket/proctypes/web", keys.proctype("rocket", "web")),
    ("/apps/rocket/proctypes/web/scale/128af9", keys.scale("rocket", "web", "128af9", None)),
    ("/apps/rocket/proctypes/web/scale/128af9/prod-7", keys.scale("rocket", "web", "128af9", "prod-7")),
    ("/services/cache", keys.service("cache")),
    ("/services/cache/endpoints/10-0-0-7-80", keys.endpoint("cache", "10-0-0-7-80")),
    ("/instances/17", keys.instance(17)),
    ("/instances/9223372036854775807", keys.instance(2**63 - 1)),
    ("/runners/10.0.0.7:9000", keys.runner("10.0.0.7:9000")),
    ("/runners/[fe80::1]:9000", keys.runner("[fe80::1]:9000")),
    ("/members/pms/10.0.0.7", keys.member("pms", "10.0.0.7")),
    ("/members/loggers/a.example.com:514", keys.member("loggers", "a.example.com:514")),
    ("/schema", keys.SCHEMA),
]


@pytest.mark.parametrize(("path", "key"), PAIRS)
def test_a_path_and_its_key_are_one_to_one(path: str, key: str) -> None:
    assert path_of(key) == path
    assert key_of(path) == key
    assert subtree(path, Include.ALL).covers(key, ())
    assert subtree("/", Include.ALL).covers(key, {keys.LIVE})


def test_every_kind_of_object_has_a_path() -> None:
    assert {keys.kind_of(key) for _, key in PAIRS} == paths.KINDS


@pytest.mark.parametrize(
    "key", [keys.INSTANCE_COUNTER, "idempotency/ab", "scaling/a,b,c,", "fence/app/", "x"]
)
def test_what_is_the_services_own_has_no_path(key: str) -> None:
    assert path_of(key) is None
    assert not subtree("/", Include.ALL).covers(key, ())


def test_a_host_in_a_path_has_one_spelling() -> None:
    assert key_of("/runners/[FE80:0::1]:9000") == keys.runner("[fe80::1]:9000")
    assert subtree("/members/pms/Box7.Example.com.").path == "/members/pms/box7.example.com"


BAD = [
    "",
    "apps/rocket",
    "/apps/",
    "//",
    "/apps//env",
    "/apps/rocket/",
    "/apps/../services",
    "/apps/rocket/..",
    "/apps/ro ket",
    "/apps/rocket,web",
    "/apps/r\0",
    "/apps/%72ocket",
    "/apps/" + "a" * 129,
    "/apps/rocket/env/..",
    "/apps/rocket/env/cow/moo",
    "/apps/rocket/revisions/a/b",
    "/apps/rocket/head",
    "/apps/rocket/proctypes/we-b",
    "/instances/0",
    "/instances/017x",
    "/instances/9223372036854775808",
    "/instances/17/claim",
    "/members/kings",
    "/runners/10.0.0.7",
    "/counter/port",
    "/rev",
    "/" + "a" * 2000,
    "/apps/é",
]


@pytest.mark.parametrize("path", BAD)
def test_a_bad_path_is_422_and_names_its_place(path: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        subtree(path, place=["body", "path"])
    assert refused.value.status == 422
    assert refused.value.members["errors"][0]["loc"] == ["body", "path"]
    with pytest.raises(InvalidRequest):
        key_of(path)


@pytest.mark.parametrize("path", ["/", "/apps", "/apps/rocket/env", "/apps/rocket/revisions", "/instances"])
def test_a_path_of_many_objects_or_of_a_part_has_no_key(path: str) -> None:
    subtree(path)
    with pytest.raises(InvalidRequest):
        key_of(path)


def _rocket() -> tuple[str, ...]:
    return key_terms.index(
        keys.instance(17),
        b'{"app":"rocket","proctype":"web","revision":"r","env":null,"status":"pending","host":null}',
    )


def test_a_subtree_ends_at_a_segment() -> None:
    cat = subtree("/apps/cat", Include.ALL)
    assert cat.covers(keys.app("cat"), ())
    assert cat.covers(keys.revision("cat", "a"), ())
    assert cat.covers(keys.scale("cat", "web", "a", None), ())
    for key in (
        keys.app("cat-2"),
        keys.revision("cat-2", "a"),
        keys.proctype("cat.x", "web"),
        keys.app("ca"),
    ):
        assert not cat.covers(key, ())
    web = subtree("/apps/cat/proctypes/web", Include.ALL)
    assert not web.covers(keys.proctype("cat", "web2"), ())
    assert not web.covers(keys.scale("cat", "web2", "a", None), ())
    refs = subtree("/apps/cat/proctypes/web/scale/a", Include.ALL)
    assert refs.covers(keys.scale("cat", "web", "a", "prod"), ())
    assert not refs.covers(keys.scale("cat", "web", "ab", None), ())


def test_an_instance_is_below_its_app_and_its_proctype() -> None:
    key, terms = keys.instance(17), _rocket()
    for path in (
        "/",
        "/apps",
        "/instances",
        "/instances/17",
        "/apps/rocket",
        "/apps/rocket/instances",
        "/apps/rocket/proctypes",
        "/apps/rocket/proctypes/web",
        "/apps/rocket/proctypes/web/instances",
    ):
        assert subtree(path, Include.INSTANCES).covers(key, terms), path
        assert subtree(path, Include.ALL).covers(key, terms), path
        assert not subtree(path, Include.DECLARED).covers(key, terms), path
    for path in (
        "/apps/rock",
        "/apps/rocket/proctypes/worker",
        "/apps/rocket/envs",
        "/services",
        "/instances/1",
    ):
        assert not subtree(path, Include.ALL).covers(key, terms), path


def test_without_include_what_was_declared_is_meant_or_else_what_can_be_there() -> None:
    assert subtree("/").kinds == paths.DECLARED
    assert subtree("/apps/rocket").kinds == {"app", "revision", "envset", "proctype"}
    assert subtree("/instances").kinds == {"instance"}
    assert subtree("/members/pms").kinds == {"member"}
    assert subtree("/apps/rocket/proctypes/web/scale").kinds == {"scale"}


def test_a_path_goes_on_inside_an_app() -> None:
    env = subtree("/apps/rocket/env")
    assert (env.field, env.single_keys, env.terms) == (("env",), [keys.app("rocket")], [])
    cow = subtree("/apps/rocket/env/cow")
    assert cow.field == ("env", "cow")
    assert cow.covers(keys.app("rocket"), ())
    assert not cow.covers(keys.revision("rocket", "cow"), ())


def test_what_is_covered_is_found_by_keys_and_terms() -> None:
    for path in ("/", "/apps", "/apps/rocket", "/apps/rocket/proctypes/web", "/services/cache", "/members"):
        tree = subtree(path, Include.ALL)
        pairs = [
            (key, _rocket() if key == keys.instance(17) else key_terms.index(key, b"{}")) for _, key in PAIRS
        ]
        for key, terms in pairs:
            if tree.covers(key, terms):
                assert key in tree.single_keys or set(terms) & set(tree.terms), (path, key)
