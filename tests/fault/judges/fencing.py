"""Of racing claims one wins, the oldest ticket goes first, and a token speaks for its own claim only."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Call, Evidence, Key, Outcome, Told

_HELD = {"unclaim", "start", "exit", "fail"}


def judge(evidence: Evidence, world: World) -> Verdict:
    """Every claim of the history, every call with a token that was taken, every turn of the queue."""
    verdict = Verdict()
    holders: dict[tuple[Key, int], str] = {}
    for event in evidence.told:
        if event.type != "instance-claim":
            continue
        said = event.said
        before = world.get(event.key, event.rev - 1)
        verdict.check(
            before is not None and before.said["status"] == "pending",
            lambda e=event, b=before: f"{e} of one that was {b.said['status'] if b else 'not there'}",
        )
        token = (event.key, said["claim_rev"])
        verdict.check(said["claim_rev"] == event.rev, lambda e=event: f"{e} has token {e.said['claim_rev']}")
        other = holders.setdefault(token, said["host"])
        verdict.check(other == said["host"], lambda e=event, o=other: f"{e}: {o} has that token")
    for call in evidence.calls:
        if call.op in _HELD and call.about is not None:
            for rev in world.deeds.get(call.deed, ()):
                _judge_token(verdict, call, world.get(call.about, rev - 1))
    _judge_queue(verdict, evidence, world)
    return verdict


def _judge_token(verdict: Verdict, call: Call, before: Told | None) -> None:
    held = None if before is None else (before.said["host"], before.said["claim_rev"])
    verdict.check(
        held == (call.body["host"], call.body["claim_rev"]),
        lambda: f"taken though {held} holds it: {call}",
    )


def _judge_queue(verdict: Verdict, evidence: Evidence, world: World) -> None:
    """What `POST /instances/claim` gave, or did not, against what was pending just before."""
    turns: list[Call] = []
    for call in evidence.calls:
        if (
            call.op == "claim-next"
            and call.outcome is Outcome.OK
            and call.rev is not None
            and not call.replayed
        ):
            before = call.rev if call.status == 204 else call.rev - 1
            turns.append(Call(call.client, call.replica, call.op, call.method, call.path, call, rev=before))
    for turn, state in world.in_order(turns):
        call: Call = turn.body
        pending = [
            int(key[1])
            for key, event in state.get("instance", {}).items()
            if event.said["status"] == "pending" and _fits(call, event)
        ]
        given = None if call.status == 204 else call.said["id"]
        verdict.check(
            given == min(pending, default=None),
            lambda c=call, p=pending, g=given: f"it gave {g} of {sorted(p)[:10]}: {c}",
        )


def _fits(call: Call, event: Told) -> bool:
    return all(call.body.get(name) in (None, event.said[name]) for name in ("app", "proctype"))
