"""The forms of names, addresses and numbers (DESIGN section 3). Allow-lists: what does not match is 422."""

import re
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

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
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", min_length=1, max_length=256),
    Field(description="Of a variable.", examples=["cow"]),
]

MAX_ENV_VALUE = 64 * 1024


def _at_most_64_kib(value: str) -> str:
    if len(value) * 4 > MAX_ENV_VALUE and len(value.encode()) > MAX_ENV_VALUE:
        raise PydanticCustomError("too_long", "Value should have at most 64 KiB as UTF-8")
    return value


EnvValue = Annotated[str, AfterValidator(_at_most_64_kib)]
"""Any text of at most 64 KiB as UTF-8."""

EnvVars = TypeAliasType(
    "EnvVars",
    Annotated[
        dict[EnvKey, EnvValue],
        Field(description="Variables: a value of at most 64 KiB for each key.", examples=[{"cow": "moo"}]),
    ],
)

Text = Annotated[str, StringConstraints(max_length=4096)]
"""Words for people: reasons, errors."""

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""Who says something: a client's name, a version."""

# Not \s: which characters it stands for differs between here and those who read the schema.
Url = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://[^\x00-\x20\x7f-\xa0]+$", max_length=2048)
]
"""Where an archive is; kept as given. Spaces and control characters are in no URL (RFC 3986)."""

_DNS_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")
_DIGITS = re.compile(r"[0-9]{1,19}\Z")


def is_ip(text: str) -> bool:
    # A zone (`fe80::1%eth0`) means something on one machine only.
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _host(text: str) -> str:
    if is_ip(text):
        return text
    labels = text.removesuffix(".").split(".")
    numeric = labels[-1].isdigit()  # RFC 3696, 2: a top-level domain is not all digits; 10.0.0.256 is no name
    if len(text) > 253 or numeric or not all(_DNS_LABEL.match(label) for label in labels):
        raise PydanticCustomError("host", "Input should be an IP address or a DNS name")
    return text


def _port_number(text: str) -> int:
    return int(text) if _DIGITS.match(text) and len(text) <= 5 else 0


def split_host_port(addr: str) -> tuple[str, int] | None:
    """`host:port` or `[ipv6]:port` as its two parts, or None where it is neither."""
    host, colon, port = addr.rpartition(":")
    if not colon or not 1 <= _port_number(port) <= 65535 or port != str(int(port)):
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        return (host, int(port)) if ":" in host and is_ip(host) else None
    if ":" in host:
        return None
    try:
        return _host(host), int(port)
    except PydanticCustomError:
        return None


def _host_port(addr: str) -> str:
    if split_host_port(addr) is None:
        raise PydanticCustomError("host_port", "Input should be host:port, or [address]:port for IPv6")
    return addr


def _host_maybe_port(addr: str) -> str:
    return addr if split_host_port(addr) else _host(addr)


Host = Annotated[
    str,
    AfterValidator(_host),
    Field(
        description="An IP address or a DNS name.",
        json_schema_extra={"format": "host", "minLength": 1, "maxLength": 253},
        examples=["10.0.0.7"],
    ),
]
HostPort = Annotated[
    str,
    AfterValidator(_host_port),
    Field(
        description="host:port, or [address]:port for IPv6.",
        json_schema_extra={"format": "host-port", "minLength": 3},
        examples=["10.0.0.7:9000"],
    ),
]
HostMaybePort = Annotated[
    str,
    AfterValidator(_host_maybe_port),
    Field(
        description="An IP address or a DNS name, with an optional port.",
        json_schema_extra={"format": "host-maybe-port", "minLength": 1},
        examples=["10.0.0.7"],
    ),
]


def _ip(text: str) -> str:
    if not is_ip(text):
        raise PydanticCustomError("ip", "Input should be an IP address")
    return text


Ip = Annotated[
    str,
    AfterValidator(_ip),
    Field(
        description="An IPv4 or IPv6 address.",
        json_schema_extra={"format": "ip", "minLength": 2},
        examples=["10.0.0.7"],
    ),
]
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
