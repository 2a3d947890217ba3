"""A field of a body that is not valid is refused and named; nothing is changed."""

import pytest

from tests.http.every_route import BODIES, path_of
from tests.http.expect import invalid, refused
from tests.http.test_bad_input import HOST_PORTS, HOSTS, KEYS, NAMES, PROCTYPES, TOO_LONG
from tests.serving import APP


@pytest.fixture(autouse=True)
def _nothing_changes(full):
    before = full.rev
    yield
    assert full.rev == before


BAD_BODIES = [
    # names
    *(("/apps", {**APP, "name": bad}, ("name",)) for bad in ["", *NAMES, TOO_LONG, 5, None, True, ["a"]]),
    *(("/services", {"name": bad}, ("name",)) for bad in ["", *NAMES, TOO_LONG]),
    *(("/apps/cat/envs", {"ref": bad, "vars": {}}, ("ref",)) for bad in ["", *NAMES, TOO_LONG]),
    *(("/apps/cat/revisions", {"ref": bad}, ("ref",)) for bad in ["", *NAMES, TOO_LONG]),
    *(("/apps/cat/proctypes", {"name": bad}, ("name",)) for bad in ["", *PROCTYPES]),
    *(("/apps", {**APP, "name": "x", "env": {bad: ""}}, ("env", bad)) for bad in ["", *KEYS[:-1]]),
    *(("/apps/cat/envs", {"ref": "x", "vars": {bad: ""}}, ("vars", bad)) for bad in ["", *KEYS[:-1]]),
    *(("/runners", {"addr": bad, "instance_id": 1}, ("addr",)) for bad in ["", *HOST_PORTS]),
    *(("/services/memcached/endpoints", {"addr": bad, "port": 1}, ("addr",)) for bad in ["", *HOSTS, "a:80"]),
    # types and bounds
    *(
        ("/apps", {**APP, "name": "x", "stack": bad}, ("stack",))
        for bad in ("", 5, None, True, [], {}, "s" * 257)
    ),
    *(("/apps", {**APP, "name": "x", "repo_url": bad}, ("repo_url",)) for bad in ("", 5, None, "u" * 2049)),
    *(("/apps", {**APP, "name": "x", "deploy_type": bad}, ("deploy_type",)) for bad in ("", None, 1)),
    *(
        ("/apps", {**APP, "name": "x", "env": bad}, ("env",))
        for bad in (None, [], "a=b", {"a": 1}, {"a": None})
    ),
    *(
        ("/apps/cat/envs", {"ref": "x", "vars": bad}, ("vars",))
        for bad in (None, [], {"a": None}, {"a": True})
    ),
    *(
        ("/apps/cat/revisions", {"ref": "x", "archive_url": bad}, ("archive_url",))
        for bad in ("", "/a b", "http://a b", "http://a\n", 5, "http://" + "a" * 2048)
    ),
    *(
        (
            "/apps/cat/proctypes",
            {"name": "x", "limits": {"memory_limit_mb": bad}},
            ("limits", "memory_limit_mb"),
        )
        for bad in (0, -1, 2**31, "512", 1.5, True)
    ),
    ("/apps/cat/proctypes", {"name": "x", "limits": None}, ("limits",)),
    *(
        ("/services/memcached/endpoints", {"addr": "10.0.0.9", "port": 1, field: bad}, (field,))
        for field in ("port", "priority", "weight")
        for bad in (-1, 65536, "1", 1.5, True, None)
    ),
    ("/services/memcached/endpoints", {"addr": "10.0.0.9", "port": 0}, ("port",)),
    *(
        ("/services/memcached/endpoints", {"addr": "a", "port": 1, "ip": bad}, ("ip",))
        for bad in ("a", "10.0.0.256", "fe80::1%eth0", "", 5)
    ),
    *(
        ("/runners", {"addr": "a:80", "instance_id": bad}, ("instance_id",))
        for bad in (0, -1, 2**63, "1", 1.0)
    ),
    # not there
    ("/apps", {}, ("name",)),
    ("/apps", {"name": "x"}, ("repo_url",)),
    ("/apps/cat/envs", {"ref": "x"}, ("vars",)),
    ("/apps/cat/revisions/128af9/ratify", {}, ("archive_url",)),
]


@pytest.mark.parametrize(("path", "body", "loc"), BAD_BODIES)
def test_a_bad_field_of_a_body_is_refused_and_named(full, path, body, loc):
    invalid(full.post(path, body), "body", *loc)


@pytest.mark.parametrize(
    ("method", "template"), sorted(op for op, body in BODIES.items() if body is not None)
)
def test_an_unknown_field_is_refused_and_named(full, method, template):
    """By every call that takes a body, but for the variables, whose keys are anyone's."""
    if template == "/apps/{app}/env":
        return
    body = {**BODIES[method, template], "ttll": 5}
    invalid(full.client.request(method, path_of(template), json=body), "body", "ttll")


@pytest.mark.parametrize(
    ("path", "body", "loc"),
    [
        ("/apps/cat", {"name": "dog"}, ("name",)),
        ("/apps/cat", {"repo_url": None}, ("repo_url",)),
        ("/apps/cat", {"stack": None}, ("stack",)),
        ("/apps/cat", {"head": "a_b"}, ("head",)),
        ("/apps/cat", {"env": {}}, ("env",)),
        ("/apps/cat", [], ()),
        ("/apps/cat", None, ()),
        ("/apps/cat/env", {"a": 5}, ("a",)),
        ("/apps/cat/env", {"a=b": "c"}, ("a=b",)),
        ("/apps/cat/env", {"a=b": None}, ("a=b",)),
        ("/apps/cat/env", [], ()),
        ("/apps/cat/proctypes/web", {"port": 9000}, ("port",)),
        ("/apps/cat/proctypes/web", {"limits": {"memory_limit_mb": 0}}, ("limits", "memory_limit_mb")),
        ("/apps/cat/proctypes/web", {"limits": {"cpu": 1}}, ("limits", "cpu")),
    ],
)
def test_a_bad_patch_is_refused_and_named(full, path, body, loc):
    json = {"Content-Type": "application/merge-patch+json"}
    invalid(full.client.patch(path, json=body, headers=json), "body", *loc)


def test_all_bad_fields_are_named_at_once(full):
    said = refused(full.post("/apps", {"name": "a_b", "stack": 5}), 422, "invalid-request")
    assert {tuple(one["loc"]) for one in said["errors"]} == {
        ("body", "name"),
        ("body", "stack"),
        ("body", "repo_url"),
    }
