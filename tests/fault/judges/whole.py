"""Nothing partial: at no rev is there a part of something that is not there, and what changes together is
never seen apart."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence, Key, Told

_ACTIVE = ("pending", "claimed", "running", "stopping")
_PARTS = ("revision", "envset", "proctype")


def judge(evidence: Evidence, world: World) -> Verdict:
    """The state after each rev: parts have their app, endpoints their service, instances what they run."""
    verdict = Verdict()
    there: dict[Key, Told] = {}
    below: dict[Key, set[Key]] = {}
    told = evidence.told
    for number, event in enumerate(told):
        key, gone = event.key, event.gone
        owner = _owner(key)
        if gone:
            there.pop(key, None)
            if owner is not None:
                below.setdefault(owner, set()).discard(key)
        else:
            there[key] = event
            if owner is not None:
                below.setdefault(owner, set()).add(key)
        if number + 1 < len(told) and told[number + 1].rev == event.rev:
            continue  # in the middle of a commit
        for one in _of_rev(evidence, number):
            _judge_key(verdict, one, there, below)
        if key[0] == "app" and not gone:
            env = event.said["env"]
            for name in env:
                if name.endswith(".a"):
                    verdict.check(
                        env[name] == env.get(name[:-1] + "b"), lambda e=event, n=name: f"half of {n}: {e}"
                    )
    return verdict


def _of_rev(evidence: Evidence, last: int) -> list[Key]:
    told, rev = evidence.told, evidence.told[last].rev
    found = []
    while last >= 0 and told[last].rev == rev:
        found.append(told[last].key)
        last -= 1
    return found


def _owner(key: Key) -> Key | None:
    if key[0] in _PARTS:
        return ("app", key[1])
    return ("service", key[1]) if key[0] == "endpoint" else None


def _judge_key(verdict: Verdict, key: Key, there: dict[Key, Told], below: dict[Key, set[Key]]) -> None:
    owner = _owner(key)
    if key[0] == "instance" and key in there:
        _judge_instance(verdict, there[key], there)
    if owner is not None and key in there:
        verdict.check(owner in there, lambda: f"{key} without its {owner}")
    if key not in there:
        left = below.get(key)
        verdict.check(not left, lambda: f"{key} is gone, {left} is left")


def _judge_instance(verdict: Verdict, event: Told, there: dict[Key, Told]) -> None:
    said = event.said
    held = said["claim_rev"] is not None
    verdict.check(
        held == (said["host"] is not None) and (said["status"] != "pending" or not held),
        lambda: f"held and not held: {event}: {said}",
    )
    if said["status"] in _ACTIVE:
        revision = there.get(("revision", said["app"], said["revision"]))
        verdict.check(
            ("proctype", said["app"], said["proctype"]) in there
            and revision is not None
            and revision.said["state"] == "accepted",
            lambda: f"nothing that it could run: {event}",
        )
