"""What openapi.yaml says, to hold against what the service does."""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property
from typing import Any

import httpx2
from jsonschema import Draft202012Validator

from app.openapi.story import Step

SCHEMAS = "#/components/schemas/"

OPEN = ("Problem", "AnyOtherEvent")
"""Objects that may have members which are not documented: errors (RFC 9457), and events of types to come."""


class Document:
    """The document, and questions to it."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    @cached_property
    def strict(self) -> dict[str, Any]:
        """The components with every object closed that is not meant to be open, and the events told apart by
        their types: to a client an answer may have more than is documented, from us it has not."""
        components = deepcopy(self.content["components"])
        for name, schema in components["schemas"].items():
            if "properties" in schema and name not in OPEN:
                schema.setdefault("additionalProperties", False)
        mapping = components["schemas"]["Event"]["discriminator"]["mapping"]
        components["schemas"]["AnyOtherEvent"]["properties"]["type"]["not"] = {
            "enum": sorted(set(mapping) - {"unknown"})
        }
        for type_, reference in mapping.items():
            properties = components["schemas"][reference.removeprefix(SCHEMAS)]["properties"]
            if type_ != "unknown":
                properties["type"].setdefault("enum", []).append(type_)
        return components

    def resolve(self, one: dict[str, Any]) -> dict[str, Any]:
        """What a reference means; anything else as it is."""
        while "$ref" in one:
            found: Any = self.content
            for part in one["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            one = found
        return one

    @cached_property
    def operations(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """(method, path, operation) by operationId."""
        return {
            operation["operationId"]: (method, path, operation)
            for path, methods in self.content["paths"].items()
            for method, operation in methods.items()
        }

    def responses(self, operation: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        for status, response in operation["responses"].items():
            yield int(status), self.resolve(response)

    def errors(self, schema: dict[str, Any], value: Any) -> list[str]:
        """Why a value does not fit a schema of the document."""
        validator = Draft202012Validator(
            {**schema, "components": self.strict},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def of(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """The operation that a request calls: its id, and what is said of it. A path without parameters
        is meant before one with."""
        for template in sorted(self.content["paths"], key=lambda one: one.count("{")):
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
            operation = self.content["paths"][template].get(method.lower())
            if operation is not None and re.fullmatch(pattern, path):
                return operation["operationId"], operation
        raise AssertionError(f"openapi.yaml does not know {method} {path}")

    def check(self, answer: httpx2.Response) -> str:
        """That an answer is one that is documented: its status, media type, headers and body. The
        operationId."""
        request = answer.request
        name, operation = self.of(request.method, request.url.path)
        said = f"{request.method} {request.url} {answer.status_code} {answer.text[:2000]}"
        documented = dict(self.responses(operation))
        assert answer.status_code in documented, f"status not documented for {name}: {said}"
        response = documented[answer.status_code]
        self._check_headers(response, answer, said)
        content = response.get("content", {})
        if not content:
            assert answer.content == b"", said
            return name
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in content, said
        value = answer.json() if media_type.endswith("json") else answer.text
        assert self.errors(content[media_type]["schema"], value) == [], said
        return name

    def _check_headers(self, response: dict[str, Any], answer: httpx2.Response, said: str) -> None:
        headers = {name.lower(): self.resolve(one) for name, one in response.get("headers", {}).items()}
        names = set(headers)
        missing = names - set(answer.headers)
        assert not [name for name in missing if headers[name].get("required")], said
        known = {name.lower() for name in self.content["components"]["headers"]}
        assert known & set(answer.headers) <= names, said


def body_of(step: Step) -> dict[str, Any]:
    """What a step of the story sends: JSON, or lines of it as they are."""
    return {"content": step.body} if isinstance(step.body, str) else {"json": step.body}
