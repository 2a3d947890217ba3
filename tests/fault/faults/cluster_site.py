"""Two replicas on three members of etcd, each on a machine of its own, with a network that can be cut.

The first replica asks the members directly, the second through proxies that can be slow or cut. This
process is on the switch (see `namespaces.join_switch`): it reaches all, whoever is cut off from whom.
"""

import asyncio
import json
import signal
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from tests.etcd.cluster import Cluster, Member, eventually, version
from tests.etcd.namespaces import SWITCH, Machine
from tests.etcd.proxy import Proxy
from tests.fault.faults.embedded_site import FLAGS
from tests.fault.faults.site import Fault, kill_and_start
from tests.fault.traffic.connection import Connection, Cut, NotSent
from tests.fault.traffic.platform import OTHER_HANDS
from tests.fault.visor_process import Launcher, Serving

MEMBERS, REPLICAS = 3, 2


class ClusterSite:
    """`machines` are one for each member, then one for each replica."""

    quiet = False
    services_rev = 0

    def __init__(
        self,
        directory: Path,
        launcher: Launcher,
        machines: Sequence[Machine],
        history: int = 5000,
        mutant: str | None = None,
    ) -> None:
        self.history = history
        self._machines = machines
        self.cluster = Cluster(directory, MEMBERS, places=machines[:MEMBERS])
        members = self.cluster.members
        self._proxies = [Proxy(one.port, SWITCH, one.address) for one in members]
        ways = [[one.endpoint for one in members], [proxy.endpoint for proxy in self._proxies]]
        self.services = [
            Serving(
                launcher,
                directory / f"replica{number}",
                url=f"etcd://{','.join(ways[number])}/visor",
                machine=machines[MEMBERS + number].name,
                mutant=mutant,
                history=history,
                memory_revs=history // 8,
                **FLAGS,
            )
            for number in range(REPLICAS)
        ]
        self._turn = 0
        self.main = Fault("SIGKILL of the leader", self._kill_leader, kills=True)
        self.others = [
            Fault("SIGKILL of a replica", self._kill_replica, kills=True),
            Fault("SIGSTOP of the leader", self._freeze_leader),
            Fault("a replica's network is cut", self._cut_replica),
            Fault("a replica's connections are slow", self._slow),
            Fault("SIGKILL of a follower", self._kill_follower),
            Fault("SIGSTOP of a replica", self._freeze_replica),
            Fault("a member's network is cut", self._cut_follower),
            Fault("a replica's connections are cut", self._cut_connections),
            Fault("the leader's network is cut", self._cut_leader),
            Fault("SIGSTOP of a follower", self._freeze_follower),
            Fault("a replica's answers are lost", self._lose_replies),
        ]

    async def start(self) -> None:
        await asyncio.to_thread(self.cluster.start)
        for proxy in self._proxies:
            await proxy.up()
        for service in self.services:
            await asyncio.to_thread(service.start_supervised)

    async def close(self) -> None:
        for service in self.services:
            await asyncio.to_thread(service.close)
        for proxy in self._proxies:
            await proxy.down()
        await asyncio.to_thread(self.cluster.stop)

    async def every_second(self) -> None:
        """Write what cannot be read, and compact all but the newest revisions, as other hands may."""
        member = self.cluster.members[self._turn % MEMBERS]
        key, value = list(OTHER_HANDS.items())[self._turn % len(OTHER_HANDS)]
        self._turn += 1
        put = {"key": f"visor/{key}", "value": value.decode()}
        coded = {name: b64encode(said.encode()).decode() for name, said in put.items()}
        await self._ask(member, "/v3/kv/put", coded)
        revision = self.services_rev - self.history
        if revision > 0:
            await self._ask(member, "/v3/kv/compaction", {"revision": revision})

    async def findings(self) -> list[str]:
        """Whether the members have the same data: versions easy to install here are known to lose it."""
        said = []
        for member in self.cluster.members:
            status = await self._ask(member, "/v3/maintenance/status", {}) or {}
            revision = (status.get("header") or {}).get("revision")
            said.append((member, revision))
        lowest = min(int(revision or 0) for _, revision in said)
        hashes = {}
        for member, _ in said:
            answer = await self._ask(member, "/v3/maintenance/hash", {"revision": lowest})
            hashes[member.name] = (
                None if answer is None else (answer.get("hash"), answer.get("compact_revision"))
            )
        if len(set(hashes.values())) == 1:
            return []
        return [f"etcd {'.'.join(map(str, version()))}: at revision {lowest} its members differ: {hashes}"]

    async def _ask(self, member: Member, path: str, body: object) -> dict[str, object] | None:
        """etcd's own JSON gateway; None where it does not answer, or refuses."""
        connection = Connection(member.port, member.address)
        try:
            answer = await connection.ask("POST", path, json.dumps(body).encode(), {}, 2)
        except (NotSent, Cut):
            return None
        finally:
            connection.close()
        found: dict[str, object] | None = json.loads(answer.body) if answer.status == 200 else None
        return found

    # What is done to it.

    async def _leader(self) -> Member:
        return await asyncio.to_thread(self.cluster.leader)

    async def _follower(self) -> Member:
        self._turn += 1
        leader = await self._leader()
        return [one for one in self.cluster.members if one is not leader][self._turn % (MEMBERS - 1)]

    async def _healthy(self) -> None:
        for member in self.cluster.members:
            await eventually(lambda m=member: asyncio.to_thread(self.cluster.healthy, m))

    async def _kill(self, member: Member, seconds: float) -> None:
        await asyncio.to_thread(member.kill)
        await asyncio.sleep(seconds)
        member.start()
        await self._healthy()

    async def _kill_leader(self, seconds: float) -> None:
        await self._kill(await self._leader(), seconds)

    async def _kill_follower(self, seconds: float) -> None:
        await self._kill(await self._follower(), seconds)

    async def _freeze(self, member: Member, seconds: float) -> None:
        member.freeze()
        await asyncio.sleep(seconds)
        member.thaw()
        await self._healthy()

    async def _freeze_leader(self, seconds: float) -> None:
        await self._freeze(await self._leader(), seconds)

    async def _freeze_follower(self, seconds: float) -> None:
        await self._freeze(await self._follower(), seconds)

    async def _cut(self, machine: Machine, seconds: float) -> None:
        machine.unplug()
        await asyncio.sleep(seconds)
        machine.plug()
        await self._healthy()

    def _machine(self, member: Member) -> Machine:
        return self._machines[self.cluster.members.index(member)]

    async def _cut_leader(self, seconds: float) -> None:
        await self._cut(self._machine(await self._leader()), seconds)

    async def _cut_follower(self, seconds: float) -> None:
        await self._cut(self._machine(await self._follower()), seconds)

    def _replica(self) -> int:
        self._turn += 1
        return self._turn % REPLICAS

    async def _kill_replica(self, seconds: float) -> None:
        await kill_and_start(self.services[self._replica()], seconds / 4)

    async def _freeze_replica(self, seconds: float) -> None:
        service = self.services[self._replica()]
        service.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        service.signal(signal.SIGCONT)

    async def _cut_replica(self, seconds: float) -> None:
        await self._cut(self._machines[MEMBERS + self._replica()], seconds)

    async def _cut_connections(self, seconds: float) -> None:
        for proxy in self._proxies:
            await proxy.cut()
            await asyncio.sleep(seconds / MEMBERS)

    async def _slow(self, seconds: float) -> None:
        for proxy in self._proxies:
            proxy.delay = 0.15
        await asyncio.sleep(seconds)
        for proxy in self._proxies:
            proxy.delay = 0.0

    async def _lose_replies(self, seconds: float) -> None:
        for proxy in self._proxies:
            proxy.lose_replies = True
        await asyncio.sleep(seconds / 2)
        for proxy in self._proxies:
            # Cut before anything gets through again: a stream that went on past what was thrown away would
            # be one with a hole, which no network makes.
            await proxy.cut()
            proxy.lose_replies = False
