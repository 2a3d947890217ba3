"""Ids are unique for ever and ascending; no port is held twice."""

from tests.fault.judges.verdict import Verdict
from tests.fault.judges.world import World
from tests.fault.traffic.record import Evidence, Key


def judge(evidence: Evidence, world: World) -> Verdict:
    """Every registration of an instance and of a proctype."""
    verdict = Verdict()
    last = 0
    held: dict[int, Key] = {}
    for event in evidence.told:
        if event.type == "instance-register":
            id = int(event.key[1])
            verdict.check(id > last, lambda e=event, o=last: f"{e}, after {o} was given")
            last = max(last, id)
        elif event.type == "proc-register":
            port = event.said["port"]
            verdict.check(port not in held, lambda e=event, p=port: f"{e} gets {p}, which {held[p]} has")
            held[port] = event.key
        elif event.type == "proc-unregister":
            held.pop(event.said["port"], None)
    return verdict
