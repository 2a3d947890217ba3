"""Which failures are tried again, and when.

A try that was surely not carried out is always repeated. One whose outcome is unknown is repeated only where
that is safe: a read, or a write with a key or a condition.
"""

import random
from collections.abc import Callable

import httpx2
from tenacity import RetryCallState

from visor_client.problems import CLASSES, Problem, Unreachable, Untrusted

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_PASSING = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE = 5.0


def problem_of(answer: httpx2.Response) -> Problem:
    """What the service says, or what a proxy in front of it says in its place."""
    try:
        members = answer.json()
        code, detail = str(members["code"]), str(members["detail"])
    except (ValueError, LookupError, TypeError):
        members, code = {}, "no-problem"
        detail = f"{answer.request.url} answers {answer.status_code}, and not as Visor does: is it a proxy?"
    problem = CLASSES.get(code, Problem)(answer.status_code, code, detail, members, _retry_after(answer))
    return problem


def unreachable(error: httpx2.TransportError, url: str, *, read: bool) -> Unreachable:
    """What no answer means."""
    outcome = None if read or isinstance(error, _NOT_SENT) else "unknown"
    why = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in why:
        return Untrusted(f"The certificate of {url} is not trusted: {why}.")
    return Unreachable(f"No answer from {url}: {why}.", outcome)


def repeatable(*, safe: bool) -> Callable[[BaseException], bool]:
    """Whether a failure is tried again; `safe` is whether the call may be carried out twice."""

    def decide(error: BaseException) -> bool:
        if isinstance(error, Untrusted):
            return False
        if isinstance(error, Unreachable):
            return safe or error.outcome is None
        if not isinstance(error, Problem) or error.status not in _PASSING:
            return False
        # 429 and 503 are refusals, unless they say otherwise; of a proxy's answer the outcome is not known.
        unknown = error.outcome == "unknown" or error.code == "no-problem"
        return safe or not unknown

    return decide


def pause(state: RetryCallState) -> float:
    """Seconds to the next try: what the service asks for, else longer each time, with jitter."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Problem) and error.retry_after is not None:
        return error.retry_after + random.uniform(0, 0.1)
    return backoff(state.attempt_number)


def backoff(attempt: int) -> float:
    """Seconds after so many failures."""
    longest: float = min(_LONGEST_PAUSE, 0.1 * 2 ** min(attempt, 10))
    return random.uniform(longest / 2, longest)


def _retry_after(answer: httpx2.Response) -> float | None:
    try:
        return max(0.0, float(answer.headers["Retry-After"]))
    except (LookupError, ValueError):
        return None
