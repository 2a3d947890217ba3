"""What can be configured: `VISOR_*` variables, and flags of the same names."""

import logging
import os
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import StartError
from app.http.hosts import host_and_port
from app.models.hosts import is_ip, split_host_port
from app.slips import nearest
from app.variables import CLIENT_VARIABLES

logger = logging.getLogger("visor.settings")

PREFIX = "VISOR_"

OTHERS = ("VISOR_TEST_", "VISOR_FUZZ_", "VISOR_MODEL_")
"""Beginnings of variables that the test suites read, and neither the service nor its clients."""


MAX_OBJECTS = {
    "app": 100_000,
    "revision": 100_000,
    "envset": 100_000,
    "proctype": 100_000,
    "instance": 1_000_000,
    "service": 100_000,
    "endpoint": 100_000,
    "runner": 1_000_000,
    "member": 100_000,
    "scale": 100_000,
    "secret": 100_000,
    "token": 10_000,
}
"""How many objects of each kind there may be where nothing else is set: some times what a large platform has.
For proctypes there are 57,536 ports."""


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a line of the log looks."""

    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """One field for each setting. Durations in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    store: Annotated[
        str,
        Field(
            description="sqlite:///relative/path, sqlite:////absolute/path, etcd://host:2379,.../prefix"
            " (https:// before each host for TLS),"
            " or memory: (keeps nothing)"
        ),
    ] = "sqlite:///./visor.db"
    host: Annotated[str, Field(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="port to listen on; 0: any free one")] = 8000
    workers: Annotated[
        int, Field(ge=1, le=256, description="processes; more than 1 only on etcd, which they share")
    ] = 1
    history: Annotated[
        int, Field(ge=1, le=2**53, description="revs that stay readable; older history is dropped")
    ] = 360_000
    history_bytes: Annotated[
        int,
        Field(
            ge=64 * 1024,
            le=2**53,
            description="bytes that the kept history may take in the store; a second bound beside history",
        ),
    ] = 512 * 1024 * 1024
    memory_revs: Annotated[
        int,
        Field(ge=1, le=10_000_000, description="revs held in memory; older ones are read from disk"),
    ] = 20_000
    memory_bytes: Annotated[
        int,
        Field(
            ge=1024, description="bytes that the revs in memory may take; a second bound beside memory_revs"
        ),
    ] = 256 * 1024 * 1024
    final_kept: Annotated[
        int,
        Field(
            ge=0, le=10**9, description="seconds after its end until an instance is unregistered; 0: never"
        ),
    ] = 86_400
    claim_timeout: Annotated[
        int,
        Field(
            ge=0,
            le=10**9,
            description="seconds after which an instance that is claimed and not "
            "started becomes pending again; 0: never",
        ),
    ] = 0
    commit_timeout: Annotated[
        float,
        Field(ge=0.1, le=60, description="seconds until a write that is not durable yet is answered 503"),
    ] = 2.5
    log_level: Annotated[LogLevel, Field(description="debug, info, warning or error")] = LogLevel.INFO
    log_format: Annotated[LogFormat, Field(description="text or json")] = LogFormat.TEXT
    max_body: Annotated[int, Field(ge=1024, description="bytes of a request's body")] = 1024 * 1024
    max_import: Annotated[
        int, Field(ge=1024, description="bytes of an imported file, which is read while it arrives")
    ] = 1024 * 1024 * 1024
    max_header: Annotated[int, Field(ge=1024, description="bytes of a request's headers")] = 64 * 1024
    max_connections: Annotated[int, Field(ge=1, description="connections at a time")] = 10_000
    max_requests: Annotated[int, Field(ge=1, description="requests that are processed at a time")] = 1000
    max_writes: Annotated[int, Field(ge=1, description="writes among them")] = 500
    place_timeout: Annotated[
        float,
        Field(ge=0, description="seconds that a request waits for a permit before it is refused with 429"),
    ] = 1.0
    max_arriving: Annotated[
        int, Field(ge=1024, description="bytes of bodies that are still arriving, together")
    ] = 64 * 1024 * 1024
    max_subscribers: Annotated[int, Field(ge=0, description="streams and waiting calls at a time")] = 5000
    kept_for_claims: Annotated[
        int | None,
        Field(
            ge=0,
            description="part of max_subscribers that is reserved for hosts waiting for a ticket; "
            "default: a tenth",
        ),
    ] = None
    client_connections: Annotated[
        int | None,
        Field(
            ge=0, description="connections of one client at a time; a tenth of all if not set, 0: any number"
        ),
    ] = None
    client_requests: Annotated[
        int | None,
        Field(ge=0, description="requests of one client at a time; a tenth of all if not set, 0: any number"),
    ] = None
    client_subscribers: Annotated[
        int | None,
        Field(
            ge=0,
            description="streams and waiting calls of one client; a tenth of all if not set, 0: any number",
        ),
    ] = None
    client_writes: Annotated[
        int, Field(ge=0, description="writes of one client in a second; 0: any number")
    ] = 200
    max_objects: Annotated[
        dict[str, int],
        NoDecode,
        Field(description="most objects of each kind; to change some: instance=50000,app=500; 0: any number"),
    ] = MAX_OBJECTS
    max_query: Annotated[int, Field(ge=1024, description="bytes of a query string")] = 8192
    max_filters: Annotated[
        int, Field(ge=1, description="values of the repeatable parameters of a query, together")
    ] = 100
    max_page: Annotated[int, Field(ge=100, le=1000, description="items of a page of a list")] = 1000
    max_answer: Annotated[
        int,
        Field(ge=2 * 1024 * 1024, description="bytes of an answer: a page of a list ends early"),
    ] = 8 * 1024 * 1024
    body_timeout: Annotated[
        float, Field(gt=0, description="seconds for a request's body to arrive; for each part of an import")
    ] = 30.0
    header_timeout: Annotated[float, Field(gt=0, description="seconds for the headers to arrive")] = 10.0
    send_timeout: Annotated[
        float, Field(gt=0, description="seconds after which a connection that reads nothing is closed")
    ] = 30.0
    keep_alive: Annotated[float, Field(gt=0, description="seconds between comments on an idle stream")] = 15.0
    bookmark: Annotated[float, Field(gt=0, description="seconds between bookmarks on a stream")] = 30.0
    stream_max_age: Annotated[
        float,
        Field(
            ge=0,
            description="seconds after which a stream ends (varied by up to a half, downwards); 0: never",
        ),
    ] = 600.0
    drain: Annotated[
        float,
        Field(ge=0, description="seconds to go on serving after SIGTERM, while /readyz says `draining`"),
    ] = 0.0
    shutdown_timeout: Annotated[
        int, Field(ge=1, description="seconds that requests may take to end at shutdown")
    ] = 10
    tls_cert: Annotated[
        str | None,
        Field(description="file with the service's certificate (PEM, with those it is signed by): serve TLS"),
    ] = None
    tls_key: Annotated[str | None, Field(description="file with its key")] = None
    tls_client_ca: Annotated[
        str | None,
        Field(
            description="file with the CA of client certificates (and its revocation list): a client "
            "with one is the host that it names"
        ),
    ] = None
    etcd_user: Annotated[str, Field(description="user of etcd")] = ""
    etcd_password: Annotated[str, Field(repr=False, description="its password; better as a variable")] = ""
    etcd_ca: Annotated[str | None, Field(description="file with the CA of etcd's certificates")] = None
    etcd_cert: Annotated[str | None, Field(description="file with a client certificate for etcd")] = None
    etcd_key: Annotated[str | None, Field(description="file with its key")] = None
    audit_log: Annotated[
        str | None,
        Field(
            description="file for the audit trail (writes, 401, 403, reads of secrets), one JSON "
            "object a line; without it, the log"
        ),
    ] = None
    keyring_file: Annotated[
        str | None,
        Field(
            description="file with the keys that seal secrets, readable by the service alone; `visor "
            "keys new FILE` makes one"
        ),
    ] = None
    cors_origins: Annotated[
        list[str],
        NoDecode,
        Field(description="origins that browsers may call from, comma-separated; *: any"),
    ] = []

    nameservers: Annotated[
        list[str],
        NoDecode,
        Field(
            description="name servers for endpoints without an ip, address or address:port, comma-separated;"
            " empty: those of the system"
        ),
    ] = []

    insecure: Annotated[
        bool,
        Field(
            description="true: until the first token is made, every caller is an admin, on any "
            "address and through a proxy"
        ),
    ] = False
    admin_token_sha256: Annotated[
        str,
        Field(
            pattern=r"^([0-9a-f]{64})?$",
            repr=False,
            description="SHA-256 of a token that is always an admin, in hexadecimal digits",
        ),
    ] = ""
    admin_token_sha256_file: Annotated[str | None, Field(description="file with that SHA-256")] = None

    root_path: Annotated[
        str,
        Field(
            pattern=r"^(/[A-Za-z0-9._~-]+)*$",
            description="path prefix that clients use and a proxy strips: /visor",
        ),
    ] = ""

    allowed_hosts: Annotated[
        list[str],
        NoDecode,
        Field(
            description="host names that clients use, besides localhost and IP addresses, with or "
            "without a port, comma-separated; *: any"
        ),
    ] = []

    @property
    def admin_sha256(self) -> str:
        """The hash of the admin token; "" where there is none. Raises StartError."""
        if self.admin_token_sha256_file is None:
            return self.admin_token_sha256
        try:
            # As `sha256sum` writes it: a name may follow.
            words = Path(self.admin_token_sha256_file).read_text("ascii").split()
        except (OSError, ValueError) as error:
            raise StartError(f"VISOR_ADMIN_TOKEN_SHA256_FILE cannot be read: {error}") from None
        if not words or re.fullmatch("[0-9a-f]{64}", words[0]) is None:
            raise StartError(
                f"VISOR_ADMIN_TOKEN_SHA256_FILE ({self.admin_token_sha256_file}) holds no SHA-256: 64 "
                "hexadecimal digits in lower case"
            )
        return words[0]

    @field_validator("max_objects", mode="before")
    @classmethod
    def _by_kind(cls, value: object) -> object:
        """What is given stands over the defaults."""
        if not isinstance(value, str):
            return value
        limits = dict(MAX_OBJECTS)
        for pair in filter(None, map(str.strip, value.split(","))):
            kind, _, count = pair.partition("=")
            if kind not in MAX_OBJECTS or re.fullmatch("[0-9]{1,15}", count) is None:
                raise ValueError(f"{pair} is no kind=number; the kinds are {', '.join(MAX_OBJECTS)}")
            limits[kind] = int(count)
        return limits

    @field_validator("cors_origins", "nameservers", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: list[str]) -> list[str]:
        for host in value:
            if host != "*" and host_and_port(host) is None:
                raise ValueError(f"{host} is no host, nor host:port, nor *")
        return value

    @field_validator("nameservers")
    @classmethod
    def _are_addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            parts = split_host_port(address)
            if not is_ip(address if parts is None else parts[0]):
                raise ValueError(f"{address} is no address, nor address:port")
        return value


def check_variables(names: Iterable[str]) -> None:
    """Raises StartError for a `VISOR_*` variable that is a slip of a setting's name. Others only give a
    warning: Kubernetes sets some of its own (`VISOR_SERVICE_HOST`) beside a service called visor."""
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    known += CLIENT_VARIABLES
    for name in sorted(names):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in known or upper.startswith(OTHERS):
            continue
        meant = nearest(upper, known)
        if meant is not None:
            raise StartError(f"{name} is not a setting; did you mean {meant}?")
        logger.warning("%s is not a setting and is ignored", name)


def load(**flags: str) -> Settings:
    """The settings from flags, which win, and the environment. Raises StartError, one line, naming the
    first setting that is wrong."""
    check_variables(os.environ)
    try:
        return Settings(**flags)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        flag = name.replace("_", "-")
        raise StartError(f"{PREFIX}{name.upper()} (--{flag}) is wrong: {first['msg']}") from None
