"""The history is one that a registry can have: each event follows from what was there, at a time that does
not go back."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.platform import OTHER_HANDS
from tests.fault.traffic.record import Evidence, Key, Told


def judge(evidence: Evidence, world: World) -> Verdict:
    """The events as they came, one after the other."""
    verdict = Verdict()
    there: dict[Key, Told] = {}
    rev, index = 0, 0
    for event in evidence.told:
        follows = (event.rev > rev and event.index == 0) or (event.rev, event.index) == (rev, index + 1)
        verdict.check(follows, lambda e=event, r=rev, i=index: f"{e} follows {r}-{i}")
        rev, index = event.rev, event.index
        if event.type == "unknown":
            by_others = event.key[1] in OTHER_HANDS
            verdict.check(by_others, lambda e=event: f"{e}: {_last_of(there, e)}")
            continue
        before, action = there.get(event.key), event.type.partition("-")[2]
        if event.key[0] == "scale":
            _judge_target(verdict, there, event)
            continue
        if action == "unregister":
            there.pop(event.key, None)
            verdict.check(
                before is not None and before.object == event.object,
                lambda e=event, b=before: f"{e} takes away {e.object!r}, there was {b and b.object!r}",
            )
            continue
        verdict.check(
            (action == "register") == (before is None), lambda e=event, b=before: f"{e}, though there was {b}"
        )
        said = event.said
        made = event.rev if before is None else before.said["created_rev"]
        verdict.check(
            said["rev"] == event.rev and said["created_rev"] == made,
            lambda e=event: f"{e} shows {e.object!r}",
        )
        there[event.key] = event
    return verdict


def _judge_target(verdict: Verdict, there: dict[Key, Told], event: Told) -> None:
    """A target is set, moved and ended (by 0) by one type of event, which says what it was before."""
    before, said = there.pop(event.key, None), event.said
    # One of 0 has ended, though it is kept while a long scale has something left to stop.
    previous = event.previous if event.previous and event.previous["target"] else None
    verdict.check(
        previous == (None if before is None else before.said),
        lambda: f"{event} follows {event.previous}, there was {before and before.said}",
    )
    verdict.check(
        said["rev"] == event.rev and (not event.previous or said["target"] != event.previous["target"]),
        lambda: f"{event} shows {event.object!r}",
    )
    if said["target"]:
        there[event.key] = event


def _last_of(there: dict[Key, Told], unknown: Told) -> str:
    """What was there under a key of the store that an event could not be made of."""
    kind, _, names = unknown.key[1].partition("/")
    key = (kind, *(name.lstrip("0") if kind == "instance" else name for name in names.split(",")))
    before = there.get(key)
    return "nothing was there" if before is None else f"there was {before}: {before.object.decode()}"
