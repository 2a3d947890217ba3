"""A route as FastAPI declares it, compiled once into a plan by which its function is called.

FastAPI works out from a function's signature what it takes: path, query, headers, body, and what it depends
on. It keeps that as the route's `dependant`, which also makes openapi.yaml. Here the same declaration answers
requests: what a request gives is looked up in what is declared. What a query gives and the route does not
declare is refused. All that is used of FastAPI's inside is in this file, and named in
tests/unit/test_endpoint.py.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_origin
from urllib.parse import parse_qsl

from fastapi import Response, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import ValidationError

from app.errors import InvalidRequest
from app.events.turns import Turns
from app.http import json_body
from app.http.access_table import row_of
from app.http.bounds import Bounds
from app.http.context import Call
from app.http.responses import invalid_request
from app.registry.planner import pointer_of

READS_BODY = "reads_body"
"""The attribute of a route's function that names what reads its bodies, where `json_body.read` does not."""

ReadSlowly = Callable[[Call, Turns], Awaitable[Any]]
"""Reads a body that takes more than one turn."""

STREAMS_BODY = "streams_body"
"""The attribute of a route's function that is set where it reads its body itself, as `call.parts`."""


@dataclass(slots=True)
class CallStep:
    """One function to call: a dependency, or, last, the route's own.

    `constant` arguments are the same for every call, `provided` ones for every call of a service; `inner`
    ones are the results of earlier steps; `takes_call` names the one that is the call itself.
    """

    function: Callable[..., Any]
    is_async: bool
    constant: dict[str, Any] = field(default_factory=dict)
    provided: list[tuple[str, Callable[..., Any]]] = field(default_factory=list)
    inner: list[tuple[str, int]] = field(default_factory=list)
    takes_call: str | None = None


class Parameter:
    """Something that a request can give: where it is said, and the argument of the step that it becomes."""

    __slots__ = ("_field", "alias", "argument", "is_list", "loc", "required", "step", "validate")

    def __init__(self, declared: Any, step: int, where: str) -> None:
        self.alias: str = declared.alias
        self.argument: str = declared.name
        self.step = step
        self.is_list = get_origin(declared.field_info.annotation) is list
        self.required: bool = declared.field_info.is_required()
        self.loc = (where,) if where == "body" else (where, declared.alias)
        self.validate: Callable[..., Any] = declared._type_adapter.validator.validate_python
        self._field = declared

    def errors(self, value: Any) -> Sequence[Mapping[str, Any]]:
        """What is wrong with a value."""
        errors: Sequence[Mapping[str, Any]] = self._field.validate(value, {}, loc=self.loc)[1]
        return errors

    @property
    def missing(self) -> Mapping[str, Any]:
        return {"loc": self.loc, "msg": "Field required", "type": "missing"}


class Plan:
    """A route's declaration, compiled: the same for every service. `provided` are the dependencies whose
    results a service knows from the start. Raises TypeError where the route declares what is not done
    here."""

    def __init__(self, route: APIRoute, provided: Collection[Callable[..., Any]] = ()) -> None:
        self.template: str = route.path_format
        self.methods: frozenset[str] = frozenset(route.methods or ())
        self.read_slowly: ReadSlowly | None = getattr(route.endpoint, READS_BODY, None)
        self.streams_body: bool = getattr(route.endpoint, STREAMS_BODY, False)
        self.row = row_of(route.name)
        self.steps: list[CallStep] = []
        self.path: list[tuple[int, Parameter]] = []
        self.query: dict[str, Parameter] = {}
        self.headers: list[tuple[bytes, Parameter]] = []
        self.body: Parameter | None = None
        self.required: list[Parameter] = []
        self.lists: list[tuple[Parameter, list[Any]]] = []
        self.parameters: list[Parameter] = []
        self._places = {
            part[1:-1]: at for at, part in enumerate(self.template.split("/")) if part.startswith("{")
        }
        self._known: dict[Callable[..., Any], int] = {}
        if any(not part.isidentifier() for part in self._places) or ":" in route.path:
            raise TypeError(f"{self.template}: a part of a path is a name as a whole")
        self._compile(route.dependant, provided)

    def _compile(self, dependant: Dependant, provided: Collection[Callable[..., Any]]) -> int:
        """The number of the step that calls the function of the dependant, after those that it needs."""
        function = dependant.call
        assert function is not None
        if dependant.cookie_params or dependant.background_tasks_param_name or dependant.response_param_name:
            raise TypeError(f"{self.template}: no cookies, background tasks or responses as parameters")
        if dependant.request_param_name:
            raise TypeError(f"{self.template}: a request is declared as a Call")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{self.template}: a dependency is a plain function")
        step = CallStep(function, inspect.iscoroutinefunction(function))
        for inner in dependant.dependencies:
            assert inner.call is not None
            if inner.call in provided:
                step.provided.append((inner.name or "", inner.call))
                continue
            if inner.call not in self._known:
                self._known[inner.call] = self._compile(inner, provided)
            step.inner.append((inner.name or "", self._known[inner.call]))
        step.takes_call = dependant.http_connection_param_name
        at = len(self.steps)
        self.steps.append(step)
        self._declare(dependant, step, at)
        return at

    def _declare(self, dependant: Dependant, step: CallStep, at: int) -> None:
        signature = inspect.signature(step.function).parameters
        for where, declared in _declared(dependant):
            parameter = Parameter(declared, at, where)
            self.parameters.append(parameter)
            default = signature[parameter.argument].default
            if parameter.required:
                # What is in the path is always given.
                self.required += [parameter] if where != "path" else []
            elif parameter.is_list:
                self.lists.append((parameter, declared.get_default()))
            elif isinstance(default, params.Param):
                # Of all others the function's own default is what FastAPI takes.
                step.constant[parameter.argument] = declared.get_default()
            match where:
                case "path":
                    self.path.append((self._places[parameter.alias], parameter))
                case "query":
                    self.query[parameter.alias] = parameter
                case "header":
                    self.headers.append((parameter.alias.lower().encode("latin-1"), parameter))
                case _:
                    if self.body is not None or getattr(declared.field_info, "embed", False):
                        raise TypeError(f"{self.template}: the body is one parameter")
                    self.body = parameter


class RouteEndpoint:
    """Calls a route's function with what a request gives it, and with what the service has `provided`."""

    def __init__(
        self,
        plan: Plan,
        provided: Mapping[Callable[..., Any], Any],
        bounds: Bounds | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.template = plan.template
        self.methods = plan.methods
        self.row = plan.row
        self.streams_body = plan.streams_body
        self.reads_body = "GET" not in plan.methods and not plan.streams_body
        self._bounds = bounds or Bounds()
        self._steps = plan.steps
        self._path, self._query, self._headers, self._body = plan.path, plan.query, plan.headers, plan.body
        self._read_slowly = plan.read_slowly
        self._turns = turns or Turns()
        self._required, self._lists, self._parameters = plan.required, plan.lists, plan.parameters
        self._constants: list[dict[str, Any]] = [
            {**step.constant, **{name: provided[function] for name, function in step.provided}}
            for step in plan.steps
        ]

    async def __call__(self, call: Call, parts: Sequence[str]) -> Response:
        """The function's answer; `parts` are those of the path. Raises InvalidRequest, UnsupportedMediaType,
        MalformedRequest, and what the function raises."""
        given = self._given(call, parts)
        if call.content:
            slowly = self._read_slowly
            value = await slowly(call, self._turns) if slowly else json_body.read(call)
            if self._body is not None:
                given.append((self._body, value))
            elif value not in ({}, None):
                raise InvalidRequest.of(["body"], "this call takes none")
        arguments = self._arguments(given)
        results: list[Any] = []
        result: Any = None
        for step, taken in zip(self._steps, arguments, strict=True):
            for name, number in step.inner:
                taken[name] = results[number]
            if step.takes_call is not None:
                taken[step.takes_call] = call
            result = step.function(**taken)
            if step.is_async:
                result = await result
            results.append(result)
        response: Response = result
        return response

    def _given(self, call: Call, parts: Sequence[str]) -> list[tuple[Parameter, Any]]:
        """What the request gives but for its body, as it gives it. Raises where that is not declared."""
        given: list[tuple[Parameter, Any]] = [(parameter, parts[at]) for at, parameter in self._path]
        if call.scope["query_string"]:
            given += self._queried(call)
        fields = call.fields
        for name, parameter in self._headers:
            if name in fields:
                given.append((parameter, fields[name].decode("latin-1")))
        return given

    def _arguments(self, given: list[tuple[Parameter, Any]]) -> list[dict[str, Any]]:
        """What each step is called with, but for the results of others. Raises InvalidRequest."""
        arguments = [constant.copy() for constant in self._constants]
        try:
            for parameter, value in given:
                arguments[parameter.step][parameter.argument] = parameter.validate(value)
        except ValidationError:
            raise self._refusal(given) from None
        for parameter in self._required:
            if parameter.argument not in arguments[parameter.step]:
                raise self._refusal(given)
        for parameter, default in self._lists:
            # A list of its own for each call, which may change it.
            arguments[parameter.step].setdefault(parameter.argument, default[:])
        return arguments

    def _refusal(self, given: list[tuple[Parameter, Any]]) -> InvalidRequest:
        """All that is wrong, in the order in which it is declared."""
        values = dict(given)
        errors: list[Mapping[str, Any]] = []
        for parameter in self._parameters:
            if parameter in values:
                errors += parameter.errors(values[parameter])
            elif parameter.required:
                errors.append(parameter.missing)
        refusal = invalid_request(errors)
        if self._read_slowly is not None:
            for entry in refusal.members["errors"]:
                entry["pointer"] = pointer_of(entry["loc"][1:])
        return refusal

    def _queried(self, call: Call) -> list[tuple[Parameter, Any]]:
        query_string: bytes = call.scope["query_string"]
        if len(query_string) > self._bounds.query:
            raise InvalidRequest.of(
                ["query"], f"takes {self._bounds.query} bytes at most, and has {len(query_string)}"
            )
        call.query = pairs_of(query_string.decode("latin-1"))
        given: dict[Parameter, Any] = {}
        wrong: dict[str, dict[str, Any]] = {}
        values = 0
        for name, value in call.query:
            parameter = self._query.get(name)
            if parameter is None:
                wrong[name] = _entry(name, "This call has no such parameter", "extra_forbidden")
            elif parameter.is_list:
                given.setdefault(parameter, []).append(value)
                values += 1
            elif parameter in given:
                wrong[name] = _entry(name, "This parameter is given once at most", "repeated")
            else:
                given[parameter] = value
        if values > self._bounds.values:
            raise InvalidRequest.of(
                ["query"], f"takes {self._bounds.values} values of filters together, and has {values}"
            )
        if wrong:
            raise invalid_request(list(wrong.values()))
        return list(given.items())


def pairs_of(query: str) -> list[tuple[str, str]]:
    """The names and values of a query string."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True)
    # Nothing to decode: the same, at a third of the price.
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return [(name, value) for name, _, value in pairs]


def _declared(dependant: Dependant) -> Iterable[tuple[str, Any]]:
    """What the function takes by itself, in the order in which faults are told."""
    for where, declared in (
        ("path", dependant.path_params),
        ("query", dependant.query_params),
        ("header", dependant.header_params),
        ("body", dependant.body_params),
    ):
        for parameter in declared:
            yield where, parameter


def _entry(name: str, msg: str, kind: str) -> dict[str, Any]:
    return {"loc": ["query", name], "msg": msg, "type": kind}
