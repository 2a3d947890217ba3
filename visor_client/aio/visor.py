"""The whole client."""

from visor_client.aio.app_secrets import AsyncSecrets
from visor_client.aio.apps import AsyncApps
from visor_client.aio.claims import AsyncClaims
from visor_client.aio.events import AsyncEvents
from visor_client.aio.history import AsyncHistory
from visor_client.aio.platform import AsyncPlatform
from visor_client.aio.tokens import AsyncTokens


class AsyncVisor(AsyncApps, AsyncClaims, AsyncPlatform, AsyncEvents, AsyncHistory, AsyncTokens, AsyncSecrets):
    """A client of a Visor service, and its connections: `async with AsyncVisor(url) as visor`.

    A call is named as its operation in openapi.yaml. It returns a dataclass, or raises a `Problem` (an
    answer that is no success) or `Unreachable` (no answer). What is safe to repeat is repeated for
    `retry_for` seconds."""
