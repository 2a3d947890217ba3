"""One run: an installation, traffic, faults; then peace, and all that was seen."""

import asyncio
import itertools
import random
import time
from contextlib import aclosing
from dataclasses import dataclass, field

from tests.fault.faults.site import Log, Site
from tests.fault.traffic.client import Ask, Client
from tests.fault.traffic.connection import Connection, Cut, NotSent
from tests.fault.traffic.crew import Crew
from tests.fault.traffic.pace import Pace
from tests.fault.traffic.record import Evidence, Outcome

COMPARED = [
    *("/apps", "/apps/base", "/apps/base/env", "/revisions", "/instances", "/instances?status=active"),
    *("/services", "/runners", "/members/pms", "/members/proxies", "/apps/base/proctypes"),
    *("/apps/base/proctypes/web/scale", "/apps/base/proctypes/worker/ended"),
]
"""What all replicas are asked at the end."""


WHOLE = [
    *(("/apps", "app"), ("/revisions", "revision"), ("/instances", "instance"), ("/services", "service")),
    *(("/runners", "runner"), ("/members/pms", "member", "pms"), ("/members/proxies", "member", "proxies")),
]
"""The lists that show all of a kind, and what they show."""


@dataclass(frozen=True)
class Plan:
    """Seconds of traffic, writes offered by second, and how the faults come: the main one every `period`
    seconds, one of the others in the middle between. `settle`: seconds after the last fault within which
    everything has to work again, and so many once more for all of it to be read. `writers`: the scripts that
    write, where it is not to be all."""

    seconds: float
    rate: float = 200
    period: float = 5.0
    seed: int = 1
    kills: bool = True
    others: bool = True
    settle: float = 60
    writers: tuple[str, ...] = ()


@dataclass
class Run:
    """What came of a run."""

    plan: Plan
    evidence: Evidence
    log: Log
    began: int = 0
    ended: int = 0
    missed: int = 0
    below: list[str] = field(default_factory=list)
    """What is wrong below the services: not theirs to answer for."""


async def run(site: Site, plan: Plan) -> Run:
    """Do all of it. An installation that does not come back is complained of, and looked at from below."""
    evidence, log = Evidence(), Log()
    done = Run(plan, evidence, log)
    try:
        await site.start()
        ports = [service.port for service in site.services]
        crew = Crew(ports, plan.rate, plan.seed, plan.writers)
        evidence.calls, evidence.replicas = crew.calls, len(ports)
        await crew.start()
        done.began = time.monotonic_ns()
        background = asyncio.create_task(_every_second(site, crew))
        try:
            await _torment(site, plan, log, crew)
        except (TimeoutError, AssertionError) as error:
            evidence.complaints.append(f"it does not come back after {log.entries[-1:]}: {error!r}")
        finally:
            background.cancel()
        await crew.stop()
        done.ended, done.missed = time.monotonic_ns(), crew.pace.missed
        await _bring_in(crew, ports, evidence, plan.settle)
        done.below = await site.findings()
        for service in site.services:
            # It says at each start what it has found there.
            said = [line for line in service.said.splitlines() if "another program wrote" not in line]
            if "Traceback" in service.said or (site.quiet and said):
                start = max(service.said.find("Traceback") - 500, 0)
                evidence.complaints.append(f"a service says: {service.said[start:][:6000]}")
        return done
    finally:
        await site.close()


async def _every_second(site: Site, crew: Crew) -> None:
    while True:
        await asyncio.sleep(1)
        if crew.archivist.told:
            site.services_rev = crew.archivist.told[-1].rev
        await site.every_second()


async def _torment(site: Site, plan: Plan, log: Log, crew: Crew) -> None:
    """Until the time is over: the main fault, and half a period later one of the others, in turn."""
    chance = random.Random(plan.seed)
    others = itertools.cycle(site.others)
    end = time.monotonic() + plan.seconds
    for number in itertools.count():
        faults = [site.main] if plan.kills else []
        if plan.others:
            faults.append(next(others))
        began = time.monotonic()
        for turn, fault in enumerate(faults):
            # Where in its slice a fault hits is to be any moment.
            await asyncio.sleep(
                max(0, began + turn * plan.period / 2 - time.monotonic()) + chance.uniform(0, 0.5)
            )
            if time.monotonic() + plan.period / 2 > end:
                break
            log.entries.append((time.monotonic_ns(), fault.name))
            await asyncio.wait_for(fault.run(plan.period / 5), plan.settle)
            if fault.kills:
                log.kills[fault.name] = log.kills.get(fault.name, 0) + 1
        crew.check()
        left = end - time.monotonic()
        await asyncio.sleep(max(0, min(began + plan.period - time.monotonic(), left)))
        if time.monotonic() >= end:
            return
        assert number < 10_000


async def _bring_in(crew: Crew, ports: list[int], evidence: Evidence, settle: float) -> None:
    """In peace: have everybody read all that was written, and read it once more."""
    try:
        async with asyncio.timeout(settle):
            evidence.last_rev = await _last_write(ports, evidence)
    except TimeoutError:
        evidence.last_rev = max((event.rev for event in crew.archivist.told), default=0)
        evidence.complaints.append(f"no write is taken any more: {evidence.calls[-1]}")
    last = evidence.last_rev
    late = await crew.drain(last, settle)
    evidence.complaints += [f"{name} never read up to rev {last}" for name in late]
    # What came after the last write (a lease may end) not everybody has read.
    evidence.told = [event for event in crew.archivist.told if event.rev <= last]
    evidence.sessions = [session for one in crew.subscribers for session in one.sessions]
    for session in evidence.sessions:
        session.frames = [frame for frame in session.frames if frame[0] <= last]
    if crew.archivist.lost:
        evidence.complaints.append("the history was compacted before the archivist had read it")
    try:
        async with asyncio.timeout(settle):
            await _read_all(ports, evidence)
            await _compare(ports, evidence)
    except TimeoutError:
        evidence.complaints.append("not all can be read any more")


async def _last_write(ports: list[int], evidence: Evidence) -> int:
    """A write after everything: nothing of the traffic can still be on its way once it is answered."""
    async with aclosing(Client("last", ports, evidence.calls, Pace(50), 0)) as client:
        while True:
            name = f"last{client.following()}"
            made = await client.do("create", _registering(name), about=("service", name))
            if made.outcome is Outcome.OK and made.rev is not None:
                return made.rev


def _registering(service: str) -> Ask:
    return lambda v: v.register_service(service)


async def _read_all(ports: list[int], evidence: Evidence) -> None:
    """Read everything that is there, through each replica: `snapshots` compares it with the history."""
    async with aclosing(Client("end", ports, evidence.calls, Pace(200), 0)) as client:
        for replica in range(len(ports)):
            for path, *about in WHOLE:
                whole = f"{path}?limit=1000&rev={evidence.last_rev}"
                await client.read("list", whole, ("list", *about), replica)


async def _compare(ports: list[int], evidence: Evidence) -> None:
    """Ask every replica for the same places at the same revs: the last one, and some before."""
    if len(ports) < 2:
        return
    last = evidence.last_rev
    held = sorted({event.rev for event in evidence.told if event.rev > last - 2000})
    revs = [*held[:: max(1, len(held) // 8)][1:], last]
    for port in ports:
        connection, pages = Connection(port), {}
        for path in COMPARED:
            for rev in revs:
                asked = f"{path}{'&' if '?' in path else '?'}rev={rev}&limit=1000"
                if "/scale" in path or path in ("/apps/base", "/apps/base/env"):
                    asked = asked.replace("&limit=1000", "")
                try:
                    answer = await connection.ask("GET", asked, None, {}, 20)
                    pages[asked] = b"%d %b" % (answer.status, answer.body)
                except (Cut, NotSent):
                    pages[asked] = b"no answer"
        connection.close()
        evidence.pages.append(pages)
