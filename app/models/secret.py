"""Secrets of an app: written, never read back; a process gets them when its host asks for its environment."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from app.models.base import Model, Rev
from app.models.instance import Claimer, Fence
from app.models.names import EnvValue


class SecretEntry(Model):
    """What is shown of a secret: when it was set, and a fingerprint that changes with its value."""

    rev: Annotated[Rev, Field(description="The rev at which it was set.")]
    fingerprint: Annotated[
        str, Field(description="Changes with the value and tells nothing of it.", examples=["a1b2c3d4"])
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
    fingerprint: Annotated[str, Field(description="Changes with the value and tells nothing of it.")]


class SecretSet(Model):
    """What sets a secret."""

    value: Annotated[
        EnvValue, Field(description="The value. It is never shown again.", examples=["correct horse"])
    ]


class EnvironmentRequest(Claimer):
    """A host asks for what the process of an instance gets; it has to say by which claim."""

    claim_rev: Fence


class Environment(Model):
    """The variables of a process, as of the snapshot `rev`."""

    rev: Rev
    vars: Annotated[
        dict[str, str],
        Field(description="The app's variables, over them the env set's, over them the secrets."),
    ]


class Rewritten(Model):
    """What a call has sealed anew. `left` secrets are still sealed with another key than the first."""

    rev: Rev
    rewritten: Annotated[int, Field(description="Secrets that are sealed with the first key now.")]
    left: Annotated[int, Field(description="Secrets that are not yet: call again.")]
