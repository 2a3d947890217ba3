"""Secrets of an app: written, never read back; a process gets them when its host asks for its environment."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from app.models.base import Model, Rev
from app.models.instance import Claimer, Fence
from app.models.names import EnvValue


class SecretEntry(Model):
    """What a secret shows: when it was set, and a fingerprint that changes with its value."""

    rev: Annotated[Rev, Field(description="The rev at which it was set.")]
    fingerprint: Annotated[
        str, Field(description="Changes with the value, and reveals nothing about it.", examples=["a1b2c3d4"])
    ]


SecretEntries = TypeAliasType(
    "SecretEntries",
    Annotated[
        dict[str, SecretEntry],
        Field(
            description="The app's secrets by their names, without their values.",
            examples=[{"DB_PASSWORD": {"rev": 12, "fingerprint": "a1b2c3d4"}}],
        ),
    ],
)


class Secrets(Model):
    """An app's secrets. `rev` is the app's."""

    rev: Rev
    secrets: SecretEntries


class Secret(Model):
    """One secret, as it was set. `rev` is the app's."""

    rev: Rev
    key: str
    fingerprint: Annotated[str, Field(description="Changes with the value, and reveals nothing about it.")]


class SecretSet(Model):
    """What sets a secret."""

    value: Annotated[
        EnvValue, Field(description="The value. It is never shown again.", examples=["correct horse"])
    ]


class EnvironmentRequest(Claimer):
    """A host asks for the variables of an instance's process, and names its claim."""

    claim_rev: Fence


class Environment(Model):
    """The variables of a process, as of the snapshot `rev`."""

    rev: Rev
    vars: Annotated[
        dict[str, str],
        Field(description="The app's variables, overridden by the env set's, and these by the secrets."),
    ]


class Rewritten(Model):
    """How many secrets the call has sealed with the first key, and how many are `left`."""

    rev: Rev
    rewritten: Annotated[int, Field(description="Secrets that are sealed with the first key now.")]
    left: Annotated[int, Field(description="Secrets that are still sealed with another key: call again.")]
