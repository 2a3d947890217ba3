"""What people, the bot and the hosts of the demo do, each as one or several calls of the client."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import httpx2

from app.cli.demo.cast import BOT, CHANGES, WHY_DEPLOYED, DemoApp, ref_of
from visor_client import AsyncVisor, Instance
from visor_client.connections import LIMITS
from visor_client.trust import verification

Tick = Callable[[datetime | None], None]
"""Is told when the next call is made; None: now."""


class DemoPlatform:
    """The platform, as its parts know it."""

    def __init__(
        self,
        url: str,
        random: Random,
        apps: list[DemoApp],
        hosts: list[str],
        tick: Tick,
        token: str | None = None,
        **files: str | None,
    ) -> None:
        """`files` are those for TLS."""
        self.url = url
        self.random = random
        self.apps = apps
        self.hosts = hosts
        self.alive = set(hosts)
        self.heads: dict[str, str] = {}
        self._tick = tick
        self._token = token
        self._http = httpx2.AsyncClient(verify=verification(url, **files), limits=LIMITS)
        self._load: Counter[str] = Counter()
        self._running: dict[int, Instance] = {}

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def visor(self, actor: str) -> AsyncVisor:
        """A client for what this one does."""
        return AsyncVisor(self.url, token=self._token, actor=actor, http=self._http)

    def at(self, moment: datetime | None, seconds: float = 0) -> None:
        """What comes is done at this moment, or so long after it."""
        self._tick(None if moment is None else moment + timedelta(seconds=seconds))

    def running(self, app: str, proctype: str | None = None) -> list[Instance]:
        """Its instances that run, by id."""
        instances = [each for each in self._running.values() if each.app == app]
        return sorted(
            (each for each in instances if proctype in (None, each.proctype)), key=lambda each: each.id
        )

    def on(self, host: str) -> list[Instance]:
        """What runs on a host, by id."""
        return sorted(
            (each for each in self._running.values() if each.host == host), key=lambda each: each.id
        )

    async def announce(self, moment: datetime | None, host: str, ttl: int | None = None) -> None:
        """A host says that it is there."""
        self.at(moment)
        await self.visor(host).set_member("pms", host, version="1.4.2", ttl=ttl)

    async def begin_app(self, moment: datetime | None, app: DemoApp) -> None:
        """An app, from its registration to its first instances."""
        bot = self.visor(BOT)
        env = {"LOG_LEVEL": "info", "CACHE_TTL": "300", "DB_POOL": "10"}
        self.at(moment)
        await bot.register_app(
            app.name, f"https://git.example.com/{app.name}.git", "bookworm", env=env, reason="a new app"
        )
        for n, proctype in enumerate(app.proctypes):
            self.at(moment, 2 + n)
            await bot.register_proctype(app.name, proctype, memory_limit_mb=512)
        await self.deploy(moment and moment + timedelta(seconds=20), app, BOT)

    async def deploy(self, moment: datetime | None, app: DemoApp, who: str, why: str | None = None) -> None:
        """A new revision: proposed, ratified, made the head, scaled up; then the old one down."""
        why = why or self.random.choice(WHY_DEPLOYED)
        ref, old = ref_of(self.random), self.heads.get(app.name)
        person, bot = self.visor(who), self.visor(BOT)
        self.at(moment)
        await person.register_revision(app.name, ref, reason=why)
        self.at(moment, 90)
        await bot.ratify_revision(
            app.name, ref, f"https://archive.example.com/{app.name}/{ref}.img", reason="built"
        )
        self.at(moment, 95)
        await person.patch_app(app.name, {"head": ref}, reason=why)
        self.heads[app.name] = ref
        for n, (proctype, count) in enumerate(app.proctypes.items()):
            start = 100.0 + 20 * n
            self.at(moment, start)
            scaled = await bot.set_scale(app.name, proctype, ref, count, reason=why)
            await self.take(moment, app.name, proctype, len(scaled.started), start)
            if old is not None:
                self.at(moment, start + 15)
                done = await bot.set_scale(app.name, proctype, old, 0, reason=why)
                await self.end(moment, done.stopped, start + 17)

    async def change(self, moment: datetime | None, app: DemoApp, who: str) -> None:
        """Somebody changes a variable."""
        key, values, why = self.random.choice(CHANGES)
        self.at(moment)
        await self.visor(who).set_env_var(app.name, key, self.random.choice(values), reason=why)

    async def take(
        self, moment: datetime | None, app: str, proctype: str, count: int, after: float = 0
    ) -> None:
        """Hosts claim so many tickets and start them. Nothing while the hosts live by themselves."""
        if moment is None:
            return
        for n in range(count):
            host = self.next_host()
            self.at(moment, after + 1 + n)
            claimed = await self.visor(host).claim_next(host, app=app, proctype=proctype)
            if claimed is not None:
                self.at(moment, after + 3 + n)
                await self.start(claimed)

    async def start(self, claimed: Instance) -> None:
        """The claimer says that the process runs."""
        host = claimed.host or ""
        port = 20_000 + claimed.id % 40_000
        name = f"box{host.rpartition('.')[2]}.example.com"
        started = await self.visor(host).start_instance(
            claimed.id, host, name, port, claim_rev=claimed.claim_rev
        )
        self._running[claimed.id] = started
        self._load[host] += 1

    async def end(self, moment: datetime | None, ids: list[int], after: float = 0) -> None:
        """Processes that were told to stop have ended. Nothing while the hosts live by themselves."""
        if moment is None:
            return
        for n, id in enumerate(ids):
            self.at(moment, after + n)
            await self.exit(id)

    async def exit(self, id: int) -> None:
        """A process has ended well."""
        instance = self.forget(id)
        if instance is not None and instance.host is not None:
            await self.visor(instance.host).exit_instance(id, instance.host, claim_rev=instance.claim_rev)

    async def fail(self, instance: Instance, why: str) -> None:
        """A process could not be kept running."""
        self.forget(instance.id)
        host = instance.host or ""
        await self.visor(host).fail_instance(instance.id, host, why, claim_rev=instance.claim_rev)

    async def mend(self, moment: datetime | None, app: str, proctype: str, after: float = 30) -> None:
        """The bot says the scale again: what is missing is started."""
        count = next(each.proctypes[proctype] for each in self.apps if each.name == app)
        self.at(moment, after)
        scaled = await self.visor(BOT).set_scale(
            app, proctype, self.heads[app], count, reason="start what is missing"
        )
        await self.take(moment, app, proctype, len(scaled.started), after)

    def forget(self, id: int) -> Instance | None:
        """It runs no more."""
        instance = self._running.pop(id, None)
        if instance is not None and instance.host is not None:
            self._load[instance.host] -= 1
        return instance

    def next_host(self) -> str:
        """The living host that has least to do."""
        return min(sorted(self.alive), key=lambda host: self._load[host])
