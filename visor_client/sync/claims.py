"""The loop of a process manager: claim, run, say how it ended."""

import logging
import time
from collections.abc import Callable

from visor_client.problems import InvalidState, NotClaimer, NotFound
from visor_client.records import Instance
from visor_client.retrying import backoff
from visor_client.sync.instances import Instances

logger = logging.getLogger(__name__)

_OVER = (NotClaimer, InvalidState, NotFound)
"""What the service says where there is nothing to end any more."""


class Claim:
    """A hold on an instance. All its calls carry `claim_rev`: a host that slept through the loss of its
    claim cannot speak for the next holder; `NotClaimer` tells it to stop the process."""

    def __init__(self, visor: Instances, instance: Instance, host: str) -> None:
        assert instance.claim_rev is not None, "a claimed instance has a claim_rev"
        self.instance = instance
        self.host = host
        self.claim_rev: int = instance.claim_rev
        self.ended = False
        self._visor = visor

    def start(self, hostname: str, port: int, *, tele_port: int | None = None) -> Instance:
        """The process runs."""
        self.instance = self._visor.start_instance(
            self.instance.id, self.host, hostname, port, tele_port=tele_port, claim_rev=self.claim_rev
        )
        return self.instance

    def told_to_stop(self, wait: int = 30) -> bool:
        """Whether the process has to end: it was told to stop, or is another's by now. Waits up to so many
        seconds for that."""
        try:
            seen = self._visor.get_instance(
                self.instance.id, status=["pending", "stopping", "exited", "failed", "lost"], wait=wait
            )
        except NotFound:
            return True
        return seen.claim_rev != self.claim_rev or seen.status not in ("claimed", "running")

    def exit(self) -> Instance:
        """The process has ended well."""
        done = self._visor.exit_instance(self.instance.id, self.host, claim_rev=self.claim_rev)
        return self._end(done)

    def fail(self, cause: str) -> Instance:
        """Report that the process has failed."""
        done = self._visor.fail_instance(self.instance.id, self.host, cause, claim_rev=self.claim_rev)
        return self._end(done)

    def unclaim(self, error: str | None = None) -> Instance:
        """Another host may try."""
        done = self._visor.unclaim_instance(
            self.instance.id, self.host, claim_rev=self.claim_rev, error=error
        )
        return self._end(done)

    def _end(self, instance: Instance) -> Instance:
        self.instance = instance
        self.ended = True
        return instance


class Claims(Instances):
    """What hosts live by."""

    def claims(
        self,
        host: str,
        app: str | None,
        run: Callable[[Claim], None],
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
            instance = self.claim_next(host, app=app, proctype=proctype, wait=wait)
            if instance is None:
                continue
            failures = 0 if self._run(Claim(self, instance, host), run) else failures + 1
            if failures:
                # What cannot be run here would come back at once.
                time.sleep(backoff(failures))

    def _run(self, claim: Claim, run: Callable[[Claim], None]) -> bool:
        error: Exception | None = None
        try:
            run(claim)
        except NotClaimer:
            logger.warning("Instance %d was claimed by another meanwhile", claim.instance.id)
            return True
        except Exception as raised:
            logger.warning("Instance %d could not be run", claim.instance.id, exc_info=True)
            error = raised
        if not claim.ended:
            try:
                _finish(claim, error)
            except _OVER as over:
                logger.warning("Instance %d was over before: %s", claim.instance.id, over)
        return error is None


def _finish(claim: Claim, error: Exception | None) -> None:
    if error is None:
        claim.exit()
    elif claim.instance.status == "claimed":
        claim.unclaim(_cause(error))
    else:
        claim.fail(_cause(error))


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]
