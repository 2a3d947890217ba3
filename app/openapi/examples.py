"""Puts the steps of the story into the operations, as the examples of their bodies and answers."""

import json
from collections.abc import Iterable
from typing import Any

from app.openapi import dry_runs
from app.openapi.story import STORY, TOKENS
from app.openapi.story.instances import CLAIM_EVENT, START_EVENT
from app.openapi.story.plans import EXPORT


def _first_frame(event: dict[str, Any]) -> str:
    """Of a stream that begins before this event."""
    rev = event["rev"] - 1
    return f'retry: 2000\nid: {rev}\nevent: bookmark\ndata: {{"type":"bookmark","rev":{rev}}}\n\n'


def _frame(event: dict[str, Any]) -> str:
    data = json.dumps(event, separators=(",", ":"))
    return f"id: {event['rev']}-{event['index']}\nevent: {event['type']}\ndata: {data}\n\n"


_TEXTS = {
    "text/event-stream": _first_frame(CLAIM_EVENT)
    + _frame(CLAIM_EVENT)
    + _frame(START_EVENT)
    + ": keep-alive\n\n",
    "application/x-ndjson": EXPORT,
    "text/html": "<!doctype html>\n<title>not-found - Visor</title>\n<h1>There is no such resource</h1>\n",
    "text/plain": 'visor_http_requests_total{method="GET",route="/apps/{app}",status="200"} 3.0\n'
    "visor_subscribers 2.0\n",
}


def add(operations: Iterable[dict[str, Any]]) -> None:
    """To every operation."""
    steps = {step.operation: step for step in (*STORY, *TOKENS) if step.operation is not None}
    for operation in operations:
        step = steps.get(operation["operationId"])
        if step is not None and step.body is not None:
            for media in operation["requestBody"]["content"].values():
                media["example"] = step.body
        for status, response in operation["responses"].items():
            if status >= "300":
                continue
            for media_type, media in response.get("content", {}).items():
                if media_type in _TEXTS:
                    media["example"] = _TEXTS[media_type]
                elif step is not None:
                    tried = status == "200" and step.status == 201
                    media["example"] = dry_runs.example(step.answer) if tried else step.answer
