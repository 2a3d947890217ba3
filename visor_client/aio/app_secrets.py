"""Secrets of apps: written, never read back."""

from typing import Unpack

from visor_client.aio.transport import AsyncTransport
from visor_client.options import Moment, Post, Write, path
from visor_client.records import AppSecret, AppSecrets, Deleted, Env, Rewritten


class AsyncSecrets(AsyncTransport):
    """The calls for secrets, and for what a process gets."""

    async def get_secrets(self, app: str, **moment: Unpack[Moment]) -> AppSecrets:
        """Which there are, with fingerprints; no values."""
        return await self.get(AppSecrets, path("apps", app, "secrets"), moment)

    async def set_secret(self, app: str, key: str, value: str, **options: Unpack[Write]) -> AppSecret:
        """Set it, whether it was there or not."""
        where = path("apps", app, "secrets", key)
        return await self.write(AppSecret, "PUT", where, options, {"value": value})

    async def remove_secret(self, app: str, key: str, **options: Unpack[Write]) -> Deleted:
        """Remove it."""
        return await self.write(Deleted, "DELETE", path("apps", app, "secrets", key), options)

    async def read_environment(self, id: int, host: str, claim_rev: int) -> Env:
        """What the process of an instance gets: variables, the env set's over them, secrets over those. For
        the claimer alone."""
        body = {"host": host, "claim_rev": claim_rev}
        return await self.write(Env, "POST", path("instances", id, "env"), {}, body)

    async def rewrite_secrets(self, **options: Unpack[Post]) -> Rewritten:
        """Seal up to 100 secrets anew with the keyring's first key."""
        return await self.write(Rewritten, "POST", "/keys/rewrite", options, wait=50)  # it seals, and commits
