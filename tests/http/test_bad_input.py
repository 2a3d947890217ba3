"""What is not plainly right is refused, named, and changes nothing; what is right at its limit is taken."""

import re
from urllib.parse import quote

import pytest

from tests.http.every_route import BODIES, OPERATIONS, path_of
from tests.http.expect import invalid, raw, refused
from tests.serving import APP

NAMES = [
    "-a",
    ".a",
    "..",
    ".",
    "_a",
    "a_b",
    "a b",
    "a=b",
    "é",
    "a\n",
    "\na",
    "a\0",
    "a\r\nb",
    "a,b",
    "a?",
    "\ufffd",
]
"""No names of apps, refs and services."""
TOO_LONG = "a" * 129
PROCTYPES = ["a-b", "a.b", "a_b", "web\n", "\0", "é", "..", "web ", "a" * 65]
KEYS = [".", "..", "a=b", "=", "a b", "é", "a\n", "a\0", "a\r\nb", "a,b", "\ufffd", "k" * 257]
HOSTS = [
    "a..b",
    "-a",
    "a-",
    "a b",
    "10.0.0.256",
    "1.2.3",
    "a\n",
    "é.example.com",
    "a" * 64,
    "a." * 127 + "a",
]
HOSTS += [
    "0x7f000001",
    "0X7F.1",
    "010.0.0.1",
    "127.1",
    "2130706433",
    "1.2.3.0x4",
    "fe80::1%eth0",
    "\u212a.com",
]
HOST_PORTS = ["a", "a:", ":80", "a:0", "a:65536", "a:080", "a:+80", "a:8_0", "::1:80", "[a]:80", "a:80\n"]
HOST_PORTS += ["0x7f000001:80", "010.0.0.1:80", "..:80", "[::ffff:1.2.3.256]:80"]

BAD_IN_PATHS = [
    *(("/apps/{app}", "app", bad) for bad in [*NAMES, TOO_LONG]),
    *(("/apps/{app}/envs/{ref}", "ref", bad) for bad in [*NAMES, TOO_LONG]),
    *(("/apps/{app}/revisions/{ref}", "ref", bad) for bad in [*NAMES, TOO_LONG]),
    *(("/services/{service}", "service", bad) for bad in [*NAMES, TOO_LONG]),
    *(("/apps/{app}/proctypes/{proctype}", "proctype", bad) for bad in PROCTYPES),
    *(("/apps/{app}/env/{key}", "key", bad) for bad in KEYS),
    *(("/runners/{addr}", "addr", bad) for bad in HOST_PORTS),
    *(("/members/{kind}/{addr}", "addr", bad) for bad in HOSTS),
    *(("/members/{kind}/{addr}", "kind", bad) for bad in ("pm", "PMS", "pms\n", "pms,")),
    *(
        ("/instances/{id}", "id", bad)
        for bad in ("0", "-1", "+1", "1_0", "1.0", "a", "1\n", str(2**63), "9" * 400)
    ),
    *(
        ("/commits/{rev}", "rev", bad)
        for bad in ("-1", "+1", "1_0", "1.0", "a", "1\n", str(2**63), "9" * 400)
    ),
    *(
        ("/services/{service}/endpoints/{id}", "id", bad)
        for bad in ("a", "a-", "a.b-80", "a-80\n", "a" * 300 + "-80")
    ),
]


@pytest.fixture(autouse=True)
def _nothing_changes(full):
    before = full.rev
    yield
    assert full.rev == before


@pytest.mark.parametrize(("template", "name", "bad"), BAD_IN_PATHS)
def test_a_bad_name_in_a_path_is_refused_and_named(full, template, name, bad):
    """Percent-encoded, so that it arrives as it is. `%ff` arrives as U+FFFD, which is no name either."""
    path = path_of(template, **{name: quote(bad, safe="")})
    status, said = raw(full, "GET", path)
    assert (status, said["code"]) == (422, "invalid-request")
    assert ["path", name] in [one["loc"] for one in said["errors"]]


@pytest.mark.parametrize(
    "target",
    [
        "/apps/..",
        "/apps/%2e%2e",
        "/apps/cat/../dog",
        "/apps/cat%2F..",
        "/apps/%2F",
        "/apps/%ff",
        "/apps/cat%00",
    ],
)
def test_no_path_is_tidied_up_into_another(full, target):
    """Neither dots nor encoded slashes lead anywhere."""
    status, said = raw(full, "GET", target)
    assert status in (404, 422)
    assert said["code"] in ("not-found", "invalid-request")


@pytest.mark.parametrize(
    "target", ["/apps%0A", "/apps/cat/env%0A", "/rev%0A", "/instances/1/stop%0A", "/livez%0A"]
)
def test_a_path_that_ends_in_a_newline_is_another_path(full, target):
    method = "POST" if "stop" in target else "GET"
    status, said = raw(full, method, target)
    assert (status, said["code"]) == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "template"), [op for op in OPERATIONS if "{app}" in op[1] and op[1] != "/apps/{app}"]
)
def test_every_route_checks_its_names(full, method, template):
    body = BODIES.get((method, template))
    status, said = raw(full, method, path_of(template, app="a_b"), body)
    assert (status, said["code"]) == (422, "invalid-request")
    assert said["errors"][0]["loc"] == ["path", "app"]


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/apps", {**APP, "name": "a_b", "env": {"TOKEN": SECRET}}),
        ("POST", "/apps", {**APP, "name": "x", "env": {"TOKEN": [SECRET]}}),
        ("POST", "/apps", {**APP, "name": "x", "env": SECRET}),
        ("POST", "/apps", {**APP, "name": SECRET + "_"}),
        ("PATCH", "/apps/cat/env", {"TOKEN": {"x": SECRET}, "cow": SECRET}),
        ("PUT", "/apps/cat/env/TOKEN", {"value": [SECRET]}),
        ("PUT", "/apps/cat/env/TOKEN", {"value": SECRET * 5000}),
        ("PUT", "/apps/cat/env/TOKEN", SECRET),
        ("POST", "/apps/cat/envs", {"ref": "128af9", "vars": {"TOKEN": SECRET}}),
        ("POST", "/apps", {**APP, "env": {"TOKEN": SECRET}}),
    ],
)
def test_no_refusal_repeats_a_value(full, method, path, body):
    answer = full.client.request(method, path, json=body)
    assert answer.status_code in (409, 422)
    assert SECRET not in answer.text
    assert SECRET not in str(answer.headers)


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b'{"value": "x"', "application/json", 400, "malformed-request"),
        (b'{"value": "x", "value": "y"}', "application/json", 400, "malformed-request"),
        (b'{"value": "\\ud800"}', "application/json", 400, "malformed-request"),
        (b'{"value": NaN}', "application/json", 400, "malformed-request"),
        (b'{"value": "\xff"}', "application/json", 400, "malformed-request"),
        (b'{"value": ' + b"[" * 100 + b"]" * 100 + b"}", "application/json", 400, "malformed-request"),
        (b'{"value": "x"}', "text/plain", 415, "unsupported-media-type"),
        (b'{"value": "x"}', None, 415, "unsupported-media-type"),
        (b"value=x", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b"", "application/json", 422, "invalid-request"),
        (b"null", "application/json", 422, "invalid-request"),
        (b'"x"', "application/json", 422, "invalid-request"),
        (b'["value"]', "application/json", 422, "invalid-request"),
        (b'{"value": "' + b"x" * 2**20 + b'"}', "application/json", 413, "body-too-large"),
    ],
)
def test_a_body_that_is_not_plain_json_is_refused(full, content, media_type, status, code):
    headers = {} if media_type is None else {"Content-Type": media_type}
    refused(full.client.put("/apps/cat/env/cow", content=content, headers=headers), status, code)


@pytest.mark.parametrize("actor", [b"", b"a\tb", "é".encode(), b"a" * 129])
def test_an_actor_that_cannot_be_shown_is_refused(full, actor):
    answer = full.client.delete("/apps/cat", headers=[(b"Visor-Actor", actor)])
    invalid(answer, "header", "Visor-Actor")


def test_every_name_in_a_path_is_tried():
    named = {name for _, template in OPERATIONS for name in re.findall(r"{(\w+)}", template)}
    assert {name for _, name, _ in BAD_IN_PATHS} == named - {"code"}
