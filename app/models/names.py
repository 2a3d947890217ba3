"""The forms of names, addresses and numbers (DESIGN section 3). Allow-lists: what does not match is 422."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.models import hosts
from app.models.base import INT64, MAX_INT64

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$", min_length=1, max_length=128),
    Field(description="Of an app.", examples=["rocket"]),
]
"""Apps; services by `ServiceName`."""

ServiceName = Annotated[Name, Field(description="Of a service.", examples=["memcached"])]

Ref = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$", min_length=1, max_length=128),
    Field(description="Of a revision or an env set.", examples=["128af9"]),
]
"""Revisions, env sets."""

ProctypeName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]+$", min_length=1, max_length=64),
    Field(description="Of a process type.", examples=["web"]),
]

EnvKey = Annotated[
    str,
    # Neither `.` nor `..`: URL software removes these segments of a path, and with `..` the one before,
    # so that a DELETE of the variable would be one of its app. Written without look-around, which Go lacks.
    StringConstraints(pattern=r"^(\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*|\.\.\.+)$", min_length=1, max_length=256),
    Field(description="Of a variable.", examples=["cow"]),
]

MAX_ENV_VALUE = 64 * 1024


def _without_nul(text: str) -> str:
    """NUL ends a string in an environment, in a C program and in many logs."""
    if "\0" in text:
        raise PydanticCustomError("nul", "Value should not contain the NUL character")
    return text


def _at_most_64_kib(value: str) -> str:
    if len(value) * 4 > MAX_ENV_VALUE and len(value.encode()) > MAX_ENV_VALUE:
        raise PydanticCustomError("too_long", "Value should have at most 64 KiB as UTF-8")
    return value


WITHOUT_NUL: dict[str, Any] = {"pattern": r"^[^\x00]*$"}
"""What a schema says of a text without NUL."""

Printable = Annotated[str, AfterValidator(_without_nul), Field(json_schema_extra=WITHOUT_NUL)]
"""Any text that a request may bring."""

EnvValue = Annotated[Printable, AfterValidator(_at_most_64_kib)]
"""Any text of at most 64 KiB as UTF-8, without NUL."""

MAX_VARIABLES = 2000
"""Of an app, and of an env set: each is read and kept as a whole."""

EnvVars = TypeAliasType(
    "EnvVars",
    Annotated[
        dict[EnvKey, EnvValue],
        Field(
            max_length=MAX_VARIABLES,
            description="Variables: a value of at most 64 KiB for each key.",
            examples=[{"cow": "moo"}],
        ),
    ],
)

KeptVars = TypeAliasType(
    "KeptVars",
    Annotated[dict[str, str], Field(description="Variables by their keys.", examples=[{"cow": "moo"}])],
)
"""Variables in an answer: what an older version took is shown, too."""

Text = Annotated[Printable, StringConstraints(max_length=4096)]
"""Words for people: reasons, errors."""

ShortText = Annotated[Printable, StringConstraints(min_length=1, max_length=256)]
"""Who says something: a client's name, a version."""

# Not \s: which characters it stands for differs between here and those who read the schema.
UriReference = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x20\x7f-\xa0]+$", min_length=1, max_length=2048)
]
"""Where something is, `/path/to/it` too; kept as given. Spaces and control characters are in none of
them (RFC 3986)."""

_DIGITS = re.compile(r"[0-9]{1,19}\Z")


def _spelled(canonical: Callable[[str], str | None], kind: str, what: str) -> AfterValidator:
    """Takes every spelling of what it names, and gives the one that is kept."""

    def check(text: str) -> str:
        spelling = canonical(text)
        if spelling is None:
            raise PydanticCustomError(kind, f"Input should be {what}")
        return spelling

    return AfterValidator(check)


Host = Annotated[
    str,
    _spelled(hosts.canonical_host, "host", "an IP address or a DNS name"),
    Field(
        description="An IP address or a DNS name.",
        json_schema_extra={"format": "host", "minLength": 1, "maxLength": hosts.MAX_HOST},
        examples=["10.0.0.7"],
    ),
]
_HOST_PORT: dict[str, Any] = {
    "description": "host:port, or [address]:port for IPv6.",
    "json_schema_extra": {"format": "host-port", "minLength": 3},
    "examples": ["10.0.0.7:9000"],
}
HostPort = Annotated[
    str,
    _spelled(hosts.canonical_host_port, "host_port", "host:port, or [address]:port for IPv6"),
    Field(**_HOST_PORT),
]
_HOST_MAYBE_PORT: dict[str, Any] = {
    "description": "An IP address or a DNS name, with an optional port.",
    "json_schema_extra": {"format": "host-maybe-port", "minLength": 1},
    "examples": ["10.0.0.7"],
}
HostMaybePort = Annotated[
    str,
    _spelled(hosts.canonical_host_maybe_port, "host", "an IP address or a DNS name"),
    Field(**_HOST_MAYBE_PORT),
]
WrittenHostPort = Annotated[str, Field(**_HOST_PORT)]
"""As a path has it: an older version may have kept it in this spelling, or taken what is no address today."""

WrittenHostMaybePort = Annotated[str, Field(**_HOST_MAYBE_PORT)]

Ip = Annotated[
    str,
    _spelled(hosts.canonical_ip, "ip", "an IP address"),
    Field(
        description="An IPv4 or IPv6 address.",
        json_schema_extra={"format": "ip", "minLength": 2},
        examples=["10.0.0.7"],
    ),
]
KeptHost = Annotated[
    str,
    AfterValidator(hosts.as_kept),
    Field(description="An IP address or a DNS name.", examples=["10.0.0.7"]),
]
"""A host in an answer."""

Port = Annotated[int, Field(ge=1, le=65535)]


def _digits(value: Any) -> Any:
    """Numbers in URLs are digits and nothing else: pydantic would take `5_0`, `+5` and ` 5` too."""
    if not isinstance(value, str):
        return value
    if not _DIGITS.match(value):
        raise PydanticCustomError("int_parsing", "Input should be a number in digits")
    return int(value)


IN_DIGITS = BeforeValidator(_digits)
"""An integer in a path or query. Put it after the bounds, or the schema does not show them."""

Id = Annotated[
    int,
    Field(ge=1, le=MAX_INT64, description="Of an instance.", json_schema_extra=INT64, examples=[17]),
]
"""An instance's, in a body."""

InstanceId = Annotated[Id, IN_DIGITS]
"""The same in a path or query."""
