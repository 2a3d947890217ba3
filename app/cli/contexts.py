"""Which service is meant, and with which token: flags, `VISOR_*`, and contexts kept in a file."""

import json
import os
import tomllib
from pathlib import Path
from typing import NamedTuple, TypedDict

from app.errors import StartError
from app.slips import nearest
from app.variables import CLIENT_VARIABLES

DEFAULT_URL = "http://127.0.0.1:8000"


class TlsFiles(TypedDict):
    """Arguments of a client."""

    ca: str | None
    cert: str | None
    key: str | None


class ServiceAddress(NamedTuple):
    """A service as a client is told of it. `ca` is a file with the authorities that are trusted, `cert` and
    `key` are files with a client's certificate."""

    url: str
    token: str | None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def files(self) -> "TlsFiles":
        """Those for TLS, as `visor_client` takes them."""
        return {"ca": self.ca, "cert": self.cert, "key": self.key}


_TEXTS = ("token", "ca", "cert", "key")


class Contexts(NamedTuple):
    """What is kept: contexts by name, and which is in use."""

    services: dict[str, ServiceAddress]
    current: str | None


def config_file() -> Path:
    """Where contexts are kept."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "visor" / "config.toml"


def load() -> Contexts:
    """What is kept. Raises StartError."""
    try:
        text = config_file().read_text(encoding="utf-8")
    except FileNotFoundError:
        return Contexts({}, None)
    except OSError as error:
        raise StartError(f"{config_file()} cannot be read: {error.strerror}") from error
    try:
        kept = tomllib.loads(text)
        services = {
            name: ServiceAddress(str(each["url"]), *map(each.get, _TEXTS))
            for name, each in kept.get("contexts", {}).items()
        }
        return Contexts(services, kept.get("current"))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StartError(f"{config_file()} is damaged ({error}): mend it, or remove it") from None


def save(contexts: Contexts) -> None:
    """Keep it, readable by its owner alone: there are tokens in it. Raises StartError."""
    lines = [] if contexts.current is None else [f"current = {json.dumps(contexts.current)}"]
    for name, service in contexts.services.items():
        lines += ["", f"[contexts.{json.dumps(name)}]", f"url = {json.dumps(service.url)}"]
        kept = zip(_TEXTS, service[1:], strict=True)
        lines += [f"{field} = {json.dumps(value)}" for field, value in kept if value is not None]
    file = config_file()
    draft = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write("\n".join([*lines, ""]))
        draft.replace(file)
    except OSError as error:
        raise StartError(f"{file} cannot be written: {error.strerror}") from error


def choose(url: str | None, context: str | None) -> ServiceAddress:
    """The service that the flags, the variables or the context in use name. A context's token and certificate
    go to that context's address alone. Raises StartError."""
    _check_variables()
    given = [os.environ.get(f"VISOR_{name.upper()}") or None for name in _TEXTS]
    if url is None and context is None:
        url = os.environ.get("VISOR_URL") or None
    if url is not None:
        return ServiceAddress(url, *given)
    contexts = load()
    name = context or os.environ.get("VISOR_CONTEXT") or contexts.current
    if name is None:
        return ServiceAddress(DEFAULT_URL, *given)
    if name not in contexts.services:
        meant = nearest(name, contexts.services)
        hint = f"did you mean {meant}?" if meant else "`visor context` lists them"
        raise StartError(f"there is no context {name}; {hint}")
    kept = contexts.services[name]
    token, ca, *own = given
    # A certificate and its key belong together: both of the variables, or both that are kept.
    cert, key = own if any(own) else (kept.cert, kept.key)
    return ServiceAddress(kept.url, token or kept.token, ca or kept.ca, cert, key)


def _check_variables() -> None:
    # Settings of the service may be set beside: they are checked where the service is started.
    for name in sorted(os.environ):
        if (
            name.startswith("VISOR_")
            and name not in CLIENT_VARIABLES
            and (meant := nearest(name, CLIENT_VARIABLES))
        ):
            raise StartError(f"{name} is not a variable of the command line; did you mean {meant}?")
