"""The loop of a process manager: claim, run, say how it ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from visor_client.aio.instances import AsyncInstances
from visor_client.problems import InvalidState, NotClaimer, NotFound
from visor_client.records import Instance
from visor_client.retrying import backoff

logger = logging.getLogger(__name__)

_OVER = (NotClaimer, InvalidState, NotFound)
"""What the service says where there is nothing to end any more."""


class AsyncClaim:
    """A hold on an instance. All its calls carry `claim_rev`: a host that slept through the loss of its
    claim cannot speak for the next holder; `NotClaimer` tells it to stop the process."""

    def __init__(self, visor: AsyncInstances, instance: Instance, host: str) -> None:
        assert instance.claim_rev is not None, "a claimed instance has a claim_rev"
        self.instance = instance
        self.host = host
        self.claim_rev: int = instance.claim_rev
        self.ended = False
        self._visor = visor

    async def start(self, hostname: str, port: int, *, tele_port: int | None = None) -> Instance:
        """The process runs."""
        self.instance = await self._visor.start_instance(
            self.instance.id, self.host, hostname, port, tele_port=tele_port, claim_rev=self.claim_rev
        )
        return self.instance

    async def told_to_stop(self, wait: int = 30) -> bool:
        """Whether the process has to end: it was told to stop, or is another's by now. Waits up to so many
        seconds for that."""
        try:
            seen = await self._visor.get_instance(
                self.instance.id, status=["pending", "stopping", "exited", "failed", "lost"], wait=wait
            )
        except NotFound:
            return True
        return seen.claim_rev != self.claim_rev or seen.status not in ("claimed", "running")

    async def exit(self) -> Instance:
        """The process has ended well."""
        done = await self._visor.exit_instance(self.instance.id, self.host, claim_rev=self.claim_rev)
        return self._end(done)

    async def fail(self, cause: str) -> Instance:
        """Report that the process has failed."""
        done = await self._visor.fail_instance(self.instance.id, self.host, cause, claim_rev=self.claim_rev)
        return self._end(done)

    async def unclaim(self, error: str | None = None) -> Instance:
        """Another host may try."""
        done = await self._visor.unclaim_instance(
            self.instance.id, self.host, claim_rev=self.claim_rev, error=error
        )
        return self._end(done)

    def _end(self, instance: Instance) -> Instance:
        self.instance = instance
        self.ended = True
        return instance


class AsyncClaims(AsyncInstances):
    """What hosts live by."""

    async def claims(
        self,
        host: str,
        app: str | None,
        run: Callable[[AsyncClaim], Awaitable[None]],
        *,
        proctype: str | None = None,
        wait: int = 30,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """Claim ticket after ticket (of an app, or of any where it is None) and `run` each, until `until()`
        is true.

        What `run` leaves open is ended for it: it returned, the instance has exited; it raised, the
        instance has failed, or, where it was not started yet, goes back to pending. A claim that was lost
        ends `run` by `NotClaimer`. One at a time: a host that runs several has as many of these loops."""
        failures = 0
        while not until():
            instance = await self.claim_next(host, app=app, proctype=proctype, wait=wait)
            if instance is None:
                continue
            failures = 0 if await self._run(AsyncClaim(self, instance, host), run) else failures + 1
            if failures:
                # What cannot be run here would come back at once.
                await asyncio.sleep(backoff(failures))

    async def _run(self, claim: AsyncClaim, run: Callable[[AsyncClaim], Awaitable[None]]) -> bool:
        error: Exception | None = None
        try:
            await run(claim)
        except NotClaimer:
            logger.warning("Instance %d was claimed by another meanwhile", claim.instance.id)
            return True
        except Exception as raised:
            logger.warning("Instance %d could not be run", claim.instance.id, exc_info=True)
            error = raised
        if not claim.ended:
            try:
                await _finish(claim, error)
            except _OVER as over:
                logger.warning("Instance %d was over before: %s", claim.instance.id, over)
        return error is None


async def _finish(claim: AsyncClaim, error: Exception | None) -> None:
    if error is None:
        await claim.exit()
    elif claim.instance.status == "claimed":
        await claim.unclaim(_cause(error))
    else:
        await claim.fail(_cause(error))


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]
