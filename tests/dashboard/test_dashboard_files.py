"""How the dashboard's files are served, and that what is shipped of others is what they published."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.http.expect import refused
from tests.serving import Service, serving

FILES = Path(__file__).parents[2] / "app" / "dashboard"

SUMS = {
    "preact.mjs": "bdcbd9abdf2c77c5c45326eab42191e949222d479d0d5f69467387a77040cb55",
    "hooks.mjs": "e862ab2973aa6455eaa0f77c5d832d2157d6be59a17c8ba546550a575b58c6b4",
    "htm.mjs": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
}


@pytest.mark.parametrize("name", SUMS)
def test_a_vendored_file_is_the_published_one(name: str) -> None:
    """But for one import, of a name that no browser knows."""
    text = (FILES / "vendor" / name).read_text()
    published = text.replace('from"./preact.mjs"', 'from"preact"')
    assert hashlib.sha256(published.encode()).hexdigest() == SUMS[name]


@pytest.mark.parametrize("library", ["preact", "htm"])
def test_the_licence_is_shipped_beside_it(library: str) -> None:
    assert "License" in (FILES / "vendor" / f"LICENSE.{library}").read_text()


def test_each_import_names_a_file_that_is_there() -> None:
    for file in [*FILES.glob("*.js"), *FILES.glob("pages/*.js")]:
        for name in re.findall(r'from "([^"]+)"', file.read_text()):
            assert (file.parent / name).is_file(), f"{file.name}: {name}"


def test_the_page_names_all_its_modules_so_that_they_are_fetched_at_once() -> None:
    """Else each waits for the one that imports it."""
    index = (FILES / "index.html").read_text()
    named = set(re.findall(r'(?:href|src)="ui/([\w/]+\.m?js)"', index))
    there = {str(file.relative_to(FILES)) for file in FILES.rglob("*.*js")}
    assert named == there - {"worker.js"}


@pytest.fixture(scope="module")
def visor() -> Service:
    with serving() as service:
        yield service


TYPES = {
    "/ui": "text/html",
    "/ui/main.js": "text/javascript",
    "/ui/style.css": "text/css",
    "/ui/icon.svg": "image/svg+xml",
    "/ui/pages/app.js": "text/javascript",
    "/ui/vendor/htm.mjs": "text/javascript",
}


@pytest.mark.parametrize("path", TYPES)
def test_a_file_has_its_type_a_tag_and_a_strict_policy(visor: Service, path: str) -> None:
    answer = visor.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == f"{TYPES[path]}; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-cache"
    again = visor.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = visor.client.head(path)
    assert head.headers["Content-Length"] == str(len(answer.content))


@pytest.mark.parametrize(
    "path", ["/ui/nothing.js", "/ui/vendor/README.md", "/ui/pages", "/ui/%2e%2e/main.py"]
)
def test_what_is_no_file_of_it_is_not_found(visor: Service, path: str) -> None:
    refused(visor.get(path), 404, "not-found")


def test_a_browser_is_led_to_it_and_others_are_not() -> None:
    with serving(root_path="/visor") as visor:
        answer = visor.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
        assert (answer.status_code, answer.headers["Location"]) == (307, "/visor/ui")
        assert visor.get("/").json()["links"]["ui"] == "/visor/ui"


def test_a_slash_at_the_end_is_taken_away(visor: Service) -> None:
    answer = visor.get("/ui/")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/ui")


def test_the_page_names_nothing_of_another_origin() -> None:
    for file in FILES.rglob("*"):
        if file.suffix in (".js", ".html", ".css"):
            assert not re.findall(r"(?:src|href|url\(|from|import)\W{1,3}https?://", file.read_text()), file
