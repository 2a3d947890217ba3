"""The whole client."""

from visor_client.sync.app_secrets import Secrets
from visor_client.sync.apps import Apps
from visor_client.sync.claims import Claims
from visor_client.sync.events import Events
from visor_client.sync.history import History
from visor_client.sync.platform import Platform
from visor_client.sync.tokens import Tokens


class Visor(Apps, Claims, Platform, Events, History, Tokens, Secrets):
    """A client of a Visor service, and its connections: `with Visor(url) as visor`.

    A call is named as its operation in openapi.yaml. It returns a dataclass, or raises a `Problem` (an
    answer that is no success) or `Unreachable` (no answer). What is safe to repeat is repeated for
    `retry_for` seconds."""
