"""One group of rules, run one after the other, each seeing the changes of those before it."""

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime

from app.errors import RequestError
from app.store.clock_watch import ClockWatch, latest_time
from app.store.contract import Changes, Outcome, Rule, check_changes
from app.store.overlay import Draft
from app.store.records import Commit, Journal, Origin, sorted_changes
from app.store.steps import in_one_go, with_pauses


@dataclass(slots=True)
class WaitingRule:
    rule: Rule
    origin: Origin
    answer: "asyncio.Future[Outcome]"


class CommitGroup:
    """Runs rules on a draft and keeps how each ended, until the commits are durable or are not. `renew` is
    told the keys whose lease a rule renews."""

    def __init__(
        self,
        draft: Draft,
        last: Journal | None,
        clock: Callable[[], datetime],
        watch: ClockWatch,
        renew: Callable[[str], None],
    ) -> None:
        self._draft = draft
        self._last = last
        self._clock = clock
        self._watch = watch
        self._renew = renew
        self._ends: list[tuple[WaitingRule, Outcome | Exception]] = []
        self.commits: list[Commit] = []

    async def run(self, waiting: WaitingRule) -> None:
        """Run one rule, and make what it wants: with pauses where that is much. Whatever it raises is its
        caller's; the rest of the group goes on."""
        try:
            self._ends.append((waiting, await self._run(waiting)))
        except Exception as error:
            if isinstance(error, RequestError) and error.rev is None:
                error.rev = self._draft.rev
            self._ends.append((waiting, error))

    async def _run(self, waiting: WaitingRule) -> Outcome:
        last = self._last.at if self._last else None
        now = self._clock()
        self._watch.look(now, last)
        at = latest_time(now, last)
        changes = waiting.rule(self._draft, at)
        commits = not changes.empty
        if commits:
            journal = waiting.origin.journal(at)
            self.commits.append(await with_pauses(making_commit(self._draft, changes, journal)))
            self._last = journal
        # At once, so that the end of the lease sees it where it waits for the same group. Should the group
        # fail, the key has been given some time.
        for key in changes.renews:
            self._renew(key)
        record = self._draft.get(changes.answer) if changes.answer else None
        return Outcome(self._draft.rev, changes, record, commits)

    def answer(self, failure: Exception | None) -> None:
        """Tell everybody how it ended: the refused too, for they were refused by what is durable only
        now. `failure` is what kept the commits from becoming so."""
        for waiting, end in self._ends:
            if waiting.answer.done():
                continue
            if failure is not None:
                waiting.answer.set_exception(failure)
            elif isinstance(end, Exception):
                waiting.answer.set_exception(end)
            else:
                waiting.answer.set_result(end)


def make_commit(draft: Draft, changes: Changes, journal: Journal) -> Commit:
    """The draft's next commit. Raises where a rule wants what no coordinator takes."""
    return in_one_go(making_commit(draft, changes, journal))


def making_commit(draft: Draft, changes: Changes, journal: Journal) -> Generator[None, None, Commit]:
    """The same in steps."""
    check_changes(changes)
    rev = draft.rev + 1
    made = yield from draft.committing(changes, rev)
    return Commit(rev, journal, sorted_changes(made))
