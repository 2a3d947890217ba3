"""The log says what was asked and tells no secrets (trap 16)."""

import asyncio
import io
import json
import logging
import re

import pytest

from app import logs


@pytest.fixture
def log(monkeypatch):
    """`log(format, level)` configures logging and gives the stream it goes to."""
    for client in ("httpx2", "httpcore2"):  # in this process too, and they log whole URLs
        monkeypatch.setattr(logging.getLogger(client), "level", logging.CRITICAL)
        logging.getLogger(client).setLevel(logging.CRITICAL)
    root = logging.getLogger()
    before = (list(root.handlers), root.level)

    def start(log_format="text", log_level="info", stream=None):
        stream = stream or io.StringIO()
        logs.configure(log_format, log_level, stream)
        return stream

    yield start
    root.handlers[:], root.level = before


def lines(edge, stream, count=1):
    def access():
        return [line for line in stream.getvalue().splitlines() if "visor.access" in line]

    edge.eventually(lambda: len(access()) >= count)
    return access()


def test_each_request_is_one_line_with_method_path_status_duration_and_rev(edge, log):
    stream = log()
    edge.client.get("/things/none")
    [line] = lines(edge, stream)
    assert re.fullmatch(r"\S+Z INFO visor\.access: GET /things/none 404 [\d.]+ms rev 5", line)


def test_a_head_is_logged_as_head(edge, log):
    stream = log()
    edge.client.head("/things/a")
    assert "HEAD /things/a 200" in lines(edge, stream)[0]


def test_a_probe_that_is_answered_200_is_logged_at_debug_and_one_that_fails_at_info(edge, log):
    """Probes come every few seconds, and say something only where they fail."""
    stream = log()
    edge.client.get("/livez")
    edge.client.get("/metrics")
    edge.client.get("/livez?no-such=1")
    [line] = lines(edge, stream)
    assert "GET /livez 422" in line
    stream = log(log_level="debug")
    edge.client.get("/livez")
    assert " DEBUG visor.access: GET /livez 200" in lines(edge, stream)[0]


def test_query_headers_and_bodies_are_never_logged(edge, log):
    stream = log(log_level="debug")
    headers = {"Authorization": "Bearer hunter2", "Content-Type": "application/json", "Cookie": "hunter2"}
    edge.client.post("/things?token=hunter2", content=b'{"name": "hunter2"}', headers=headers)
    lines(edge, stream)
    edge.client.get("/fault?token=hunter2", headers=headers)
    lines(edge, stream, 2)
    assert "hunter2" not in stream.getvalue()


def test_a_path_cannot_forge_a_line(edge, log):
    stream = log()
    edge.client.get("/a%0d%0a2026-01-01%20INFO%20visor.access:%20forged%1b[2J%e2%80%ae%22")
    [line] = lines(edge, stream)
    assert "GET /a%0D%0A2026-01-01%20INFO" in line
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_control_characters_in_any_message_are_escaped(log):
    stream = log()
    logging.getLogger("visor.test").info("a\nb\x1b[0m\x85\u2028%s", "c\r")
    assert "a\\nb\\x1b[0m\\x85\\u2028c\\r\n" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_json_lines_carry_the_fields(edge, log):
    stream = log("json")
    edge.client.get("/things/a?x=1")
    entry = json.loads(lines(edge, stream)[0])
    assert entry["level"] == "info"
    assert entry["logger"] == "visor.access"
    assert entry["at"].endswith("Z")
    assert (entry["method"], entry["path"], entry["status"], entry["rev"]) == ("GET", "/things/a", 200, 42)
    assert entry["duration_ms"] >= 0


def test_a_traceback_stays_in_its_json_line(log):
    stream = log("json")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("visor.test").exception("failed")
    [line] = stream.getvalue().splitlines()
    assert "ValueError: why" in json.loads(line)["traceback"]


def test_at_warning_there_are_no_access_lines(edge, log):
    stream = log(log_level="warning")
    edge.client.get("/livez")
    edge.client.get("/fault")
    edge.eventually(lambda: "visor.fault" in stream.getvalue())
    assert "visor.access" not in stream.getvalue()


def test_configuring_again_does_not_double_the_lines(log):
    log()
    stream = log()
    logging.getLogger("visor.test").info("once")
    assert stream.getvalue().count("once") == 1


@pytest.mark.parametrize(("log_format", "log_level"), [("xml", "info"), ("text", "loud")])
def test_an_unknown_setting_is_refused(log_format, log_level):
    with pytest.raises(ValueError, match="has to be one of"):
        logs.configure(log_format, log_level)


class Counting(io.StringIO):
    """A stream that tells how often it was written to."""

    writes = 0

    def write(self, text):
        self.writes += 1
        return super().write(text)


@pytest.fixture
def counted(log):
    return log(stream=Counting())


def say(*words):
    for word in words:
        logging.getLogger("visor.test").info(word)


def words(stream):
    return [line.split()[-1] for line in stream.getvalue().splitlines()]


async def test_what_is_said_in_one_turn_is_one_write_in_order(counted):
    say("a", "b", "c")
    assert counted.writes == 0
    await asyncio.sleep(0)
    assert words(counted) == ["a", "b", "c"]
    assert counted.writes == 1
    say("d")
    await asyncio.sleep(0)
    assert words(counted) == ["a", "b", "c", "d"]


async def test_a_warning_is_written_at_once_with_all_before_it(counted):
    """It may be the last that the process says."""
    say("a")
    logging.getLogger("visor.test").warning("b")
    assert words(counted) == ["a", "b"]
    await asyncio.sleep(0)
    assert words(counted) == ["a", "b"]


async def test_what_another_thread_says_is_written_at_once(counted):
    say("a")
    await asyncio.to_thread(say, "b")
    assert words(counted) == ["a", "b"]


def test_what_a_loop_that_has_ended_left_is_written_with_the_next(counted):
    loop = asyncio.new_event_loop()

    def last_words():
        say("a")
        loop.stop()

    loop.call_soon(last_words)
    loop.run_forever()
    loop.close()
    say("b")
    assert words(counted) == ["a", "b"]


async def test_a_log_that_cannot_be_written_harms_nobody(log, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log().close()
    say("a")
    await asyncio.sleep(0)
    logging.getLogger("visor.test").warning("b")


def test_the_trace_that_a_request_is_part_of_stands_on_its_line(edge, log):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    stream = log("json")
    edge.client.get("/things/a", headers={"traceparent": trace})
    [line] = lines(edge, stream)
    assert json.loads(line)["trace"] == trace
    stream = log()
    edge.client.get("/things/a", headers={"traceparent": trace})
    edge.client.get("/things/a", headers={"traceparent": "00-forged%0a"})
    first, second = lines(edge, stream, 2)
    assert first.endswith(f" trace {trace}")
    assert "trace" not in second
