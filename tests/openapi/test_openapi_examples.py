"""The examples are true: each fits its schema, and the story they tell happens when it is played."""

from collections.abc import Sequence
from typing import Any

from app.errors import MethodNotAllowed, UnsupportedTransferCoding, request_errors
from app.models.token import new_id, new_token, sha256_of
from app.openapi.problems import EXAMPLES
from app.openapi.story import STORY, TOKENS, Step, at
from tests.openapi.documented import Document, body_of
from tests.serving import Service, serving

ACCEPT = {"Accept": "application/json"}


def test_every_operation_shows_its_answer_and_its_body(document: Document) -> None:
    for name, (_, _, operation) in document.operations.items():
        shown = [operation["requestBody"]] if "requestBody" in operation else []
        shown += [one for status, one in document.responses(operation) if status < 300]
        for body in shown:
            for media_type, media in body.get("content", {}).items():
                assert "example" in media, (name, media_type)


def test_every_example_fits_its_schema(document: Document) -> None:
    for name, (_, _, operation) in document.operations.items():
        bodies = [operation.get("requestBody", {}), *(one for _, one in document.responses(operation))]
        for media in (media for body in bodies for media in body.get("content", {}).values()):
            examples = [one["value"] for one in media.get("examples", {}).values()]
            for example in [*examples, *([media["example"]] if "example" in media else [])]:
                assert document.errors(media["schema"], example) == [], (name, example)


def test_the_examples_of_fields_and_parameters_fit_too(document: Document) -> None:
    schemas = document.content["components"]["schemas"]
    fields = [field for one in schemas.values() for field in one.get("properties", {}).values()]
    parameters = [one["schema"] for one in document.content["components"]["parameters"].values()]
    found = [(schema, one) for schema in fields + parameters for one in schema.get("examples", ())]
    assert len(found) > 50
    for schema, example in found:
        assert document.errors(schema, example) == [], schema


def test_every_error_code_has_an_example_where_its_status_is_documented(document: Document) -> None:
    # The first is for paths and methods that are not there, the second for requests that come to no call.
    silent = {MethodNotAllowed, UnsupportedTransferCoding}
    assert {type(one) for one in EXAMPLES} == set(request_errors()) - silent
    for status, response in (
        (int(name.removeprefix("Problem")), one)
        for name, one in document.content["components"]["responses"].items()
    ):
        [media] = response["content"].values()
        codes = {one.code for one in EXAMPLES if one.status == status}
        assert set(media["examples"]) == codes != set()
        for code, example in media["examples"].items():
            assert (example["value"]["code"], example["value"]["status"]) == (code, status)


def test_every_operation_that_answers_json_has_its_step_in_the_story(document: Document) -> None:
    json_ones = {
        name
        for name, (_, _, operation) in document.operations.items()
        for status, response in document.responses(operation)
        if status < 300 and "application/json" in response.get("content", {})
    }
    told = [step.operation for step in (*STORY, *TOKENS) if step.operation is not None]
    assert sorted(told) == sorted(json_ones)


def _play(visor: Service, document: Document, step: Step) -> Any:
    method, path = step.call.split(" ", 1)
    answer = visor.client.request(method, path, **body_of(step), headers=ACCEPT)
    assert answer.status_code == step.status, (step.call, answer.text)
    operation = document.check(answer)
    assert step.operation in (None, operation)
    return answer.json()


def _at_their_revs(value: Any, times: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _at_their_revs(one, times) for key, one in value.items()}
    if isinstance(value, list):
        return [_at_their_revs(one, times) for one in value]
    return times.get(value, value) if isinstance(value, str) else value


def test_the_story_happens_as_it_is_told(embedded_visor: Service, document: Document) -> None:
    """Played against a fresh service each call answers what its example says, but for the time of day;
    and each answer is one that its operation documents. (The examples tell of revs from 1 on: on etcd
    others have those.)"""
    _happens(STORY, embedded_visor, document)


def test_so_does_the_story_of_tokens_on_a_service_that_needs_one(document: Document) -> None:
    token = new_token(new_id())
    with serving(admin_token_sha256=sha256_of(token)) as service:
        service.client.headers["Authorization"] = f"Bearer {token}"
        _happens(TOKENS, service, document)


def _happens(story: Sequence[Step], visor: Service, document: Document) -> None:
    answers = [(step, _play(visor, document, step)) for step in story]
    revs = range(1, visor.rev + 1)
    times = {visor.get("/rev", params={"rev": rev}).json()["at"]: at(rev) for rev in revs}
    for step, answer in answers:
        if step.answer is not None and not step.like:
            assert _at_their_revs(answer, times) == step.answer, step.call
