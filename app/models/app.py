"""An app: what is deployed, where its source is, and its variables."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints
from typing_extensions import TypeAliasType

from app.models.base import Model, Resource, Rev
from app.models.names import EnvKey, EnvValue, EnvVars, KeptVars, Name, Printable, Ref
from app.models.secret import SecretEntries

DEFAULT_DEPLOY_TYPE = "lxc"

_REPO_URL = Field(
    description="Where the source is, as git takes it.", examples=["https://git.example.com/rocket.git"]
)
_STACK = Field(examples=["lenny"])
_DEPLOY_TYPE = Field(examples=["lxc"])

RepoUrl = Annotated[Printable, StringConstraints(min_length=1, max_length=2048), _REPO_URL]
Stack = Annotated[Printable, StringConstraints(min_length=1, max_length=256), _STACK]
DeployType = Annotated[Printable, StringConstraints(min_length=1, max_length=64), _DEPLOY_TYPE]


class App(Resource):
    """A registered app. A change of a variable or of a secret changes the app."""

    name: Name
    repo_url: Annotated[str, _REPO_URL]
    stack: Annotated[str, _STACK]
    deploy_type: Annotated[str, _DEPLOY_TYPE]
    head: Annotated[Ref | None, Field(description="The revision that is current, if one was named.")]
    env: KeptVars
    secrets: SecretEntries


class AppCreate(Model):
    """What registers an app."""

    name: Annotated[Name, Field(examples=["rocket"])]
    repo_url: RepoUrl
    stack: Stack
    deploy_type: DeployType = DEFAULT_DEPLOY_TYPE
    env: EnvVars = Field(default_factory=dict)


class AppPatch(Model):
    """A merge patch of an app: what is absent stays, `head: null` removes the head,
    `deploy_type: null` puts the default back."""

    repo_url: RepoUrl | MISSING = MISSING
    stack: Stack | MISSING = MISSING
    deploy_type: DeployType | MISSING | None = MISSING
    head: Ref | MISSING | None = MISSING


class Env(Model):
    """An app's variables. `rev` is the app's."""

    rev: Rev
    vars: KeptVars


class EnvVar(Model):
    """One variable. `rev` is the app's."""

    rev: Rev
    key: str
    value: str


class EnvVarSet(Model):
    """What sets a variable."""

    value: Annotated[EnvValue, Field(examples=["moo"])]


EnvPatch = TypeAliasType(
    "EnvPatch",
    Annotated[
        dict[EnvKey, EnvValue | None],
        Field(description="A merge patch of the variables: null removes one, what is absent stays."),
    ],
)
