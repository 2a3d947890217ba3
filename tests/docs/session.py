"""The curl session of docs/curl.md, run for real: `python -m tests.docs.session --write` brings its output up
to date, and the test compares it."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.serving import Service, serving

PAGE = Path(__file__).parents[2] / "docs" / "curl.md"
BASE = "http://127.0.0.1:8000"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def steps(text: str) -> Iterator[tuple[str, str]]:
    """The commands of the console blocks, in order, each with the output printed below it."""
    for block in _BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.split("\n")
            end = next(n for n, line in enumerate(lines) if not line.endswith("\\"))
            command = " ".join(line.rstrip("\\").strip() for line in lines[: end + 1])
            yield command, "\n".join(lines[end + 1 :]).rstrip("\n")


def run(command: str, service: Service) -> str | None:
    """What a curl command of the page prints; None for commands that are not curl."""
    words = shlex.split(command)
    if words[0] != "curl":
        return None
    method, url, headers, body, with_head, stream = "", "", {}, None, False, False
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(":")
            headers[name] = value.strip()
        elif word in ("-d", "--json"):
            body = next(rest)
            if word == "--json":
                headers["Content-Type"] = "application/json"
        elif word == "-i":
            with_head = True
        elif word in ("-s", "-sN", "-N"):
            stream = "N" in word
        else:
            assert word.startswith(BASE), f"a word that this reader does not know: {word}"
            url = word.replace(BASE, service.url)
    method = method or ("POST" if body is not None else "GET")
    if stream:
        return _stream(url, headers)
    answer = service.client.request(method, url, headers=headers, content=body)
    return (_head(answer) if with_head else "") + answer.text.rstrip("\n")


def _head(answer: httpx2.Response) -> str:
    shown = ("visor-rev", "etag", "location", "content-type", "idempotency-replayed", "retry-after")
    lines = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items() if name in shown]
    return "\n".join(lines) + "\n\n"


IDLE = ": keep-alive\n\n"


def _stream(url: str, headers: dict[str, str]) -> str:
    """The events up to now: the stream is left when it says that it is idle."""
    with httpx2.Client(timeout=60) as client, client.stream("GET", url, headers=headers) as answer:
        text = ""
        for part in answer.iter_text():
            text += part
            if text.endswith(IDLE):
                break
    return re.sub(r"retry: \d+", "retry: 2000", text).replace(IDLE, "").rstrip("\n")


@contextmanager
def fresh_service(store: str = "memory:") -> Iterator[Service]:
    """A service that the session can be typed into; streams say soon that they are idle."""
    with serving(store=store, keep_alive=0.3) as service:
        yield service


def same(printed: str, wanted: str) -> bool:
    """Whether an output is what the page prints, but for times."""
    return _shape(printed) == _shape(wanted)


def _shape(text: str) -> Any:
    text = _TIME.sub("TIME", text)
    return [json.loads(line) if line.startswith("{") else line for line in text.split("\n")]


def _written(text: str, service: Service) -> str:
    """The page with each command's output as it is now."""
    at = 0
    for command, old in list(steps(text)):
        new = run(command, service)
        words = r"\s*\\?\s*".join(map(re.escape, command.split()))
        match = re.compile(rf"^\$ {words}\n", re.MULTILINE).search(text, at)
        assert match is not None, command
        at = match.end()
        if new is not None:
            text = text[:at] + new + "\n" + text[at + (len(old) + 1 if old else 0) :]
            at += len(new)
    return text


if __name__ == "__main__":
    with fresh_service() as fresh:
        if "--write" in sys.argv:
            PAGE.write_text(_written(PAGE.read_text(), fresh))
