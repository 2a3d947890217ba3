"""Services, endpoints, runners, members; the registry's time; how the service is."""

from collections.abc import Sequence
from typing import Any, Unpack

from visor_client.options import Moment, Post, Write, given, path, query
from visor_client.past import RevInfo
from visor_client.records import Deleted, Endpoint, Member, Runner, SchemaInfo, Service
from visor_client.sync.listing import Listing
from visor_client.sync.transport import Transport


class Platform(Transport):
    """The calls that are not of an app."""

    def list_services(self, *, limit: int | None = None, **moment: Unpack[Moment]) -> Listing[Service]:
        """All services, by name."""
        return self.list(Service, "/services", moment, limit)

    def register_service(self, name: str, **options: Unpack[Post]) -> Service:
        """A name to look up endpoints by."""
        return self.write(Service, "POST", "/services", options, {"name": name})

    def get_service(self, service: str, **moment: Unpack[Moment]) -> Service:
        """The service; its endpoints are a list of their own."""
        return self.get(Service, path("services", service), moment)

    def unregister_service(self, service: str, **options: Unpack[Write]) -> Deleted:
        """With its endpoints."""
        return self.write(Deleted, "DELETE", path("services", service), options)

    def list_endpoints(
        self, service: str, *, limit: int | None = None, **moment: Unpack[Moment]
    ) -> Listing[Endpoint]:
        """The service's endpoints, by id."""
        return self.list(Endpoint, path("services", service, "endpoints"), moment, limit)

    def register_endpoint(
        self,
        service: str,
        addr: str,
        port: int,
        *,
        ip: str | None = None,
        priority: int = 0,
        weight: int = 0,
        target: str | None = None,
        **options: Unpack[Post],
    ) -> Endpoint:
        """`ip` is resolved from `addr` when it is not given."""
        body = given(addr=addr, port=port, ip=ip, priority=priority, weight=weight, target=target)
        return self.write(Endpoint, "POST", path("services", service, "endpoints"), options, body)

    def get_endpoint(self, service: str, id: str, **moment: Unpack[Moment]) -> Endpoint:
        """An endpoint; `id` is its addr with - for . and :, then - and its port."""
        return self.get(Endpoint, path("services", service, "endpoints", id), moment)

    def unregister_endpoint(self, service: str, id: str, **options: Unpack[Write]) -> Deleted:
        """It answers no more."""
        return self.write(Deleted, "DELETE", path("services", service, "endpoints", id), options)

    def list_runners(
        self, *, host: str | None = None, limit: int | None = None, **moment: Unpack[Moment]
    ) -> Listing[Runner]:
        """All runners, or those of a host, by addr."""
        return self.list(Runner, "/runners", moment, limit, host=host)

    def register_runner(self, addr: str, instance_id: int, **options: Unpack[Post]) -> Runner:
        """Which process runs which instance; `addr` is host:port."""
        body = {"addr": addr, "instance_id": instance_id}
        return self.write(Runner, "POST", "/runners", options, body)

    def get_runner(self, addr: str, **moment: Unpack[Moment]) -> Runner:
        """The runner at an address."""
        return self.get(Runner, path("runners", addr), moment)

    def unregister_runner(self, addr: str, **options: Unpack[Write]) -> Deleted:
        """The runner has ended."""
        return self.write(Deleted, "DELETE", path("runners", addr), options)

    def list_members(
        self, kind: str, *, limit: int | None = None, **moment: Unpack[Moment]
    ) -> Listing[Member]:
        """Members of a kind (pms, proxies, loggers), by addr."""
        return self.list(Member, path("members", kind), moment, limit)

    def set_member(
        self,
        kind: str,
        addr: str,
        *,
        version: str | None = None,
        ttl: int | None = None,
        **options: Unpack[Write],
    ) -> Member:
        """Announce a member, or renew it: with a `ttl` it vanishes when it is not renewed in time."""
        return self.write(
            Member, "PUT", path("members", kind, addr), options, given(version=version, ttl=ttl)
        )

    def get_member(self, kind: str, addr: str, **moment: Unpack[Moment]) -> Member:
        """A member."""
        return self.get(Member, path("members", kind, addr), moment)

    def unregister_member(self, kind: str, addr: str, **options: Unpack[Write]) -> Deleted:
        """It is gone."""
        return self.write(Deleted, "DELETE", path("members", kind, addr), options)

    def get_rev(self, **moment: Unpack[Moment]) -> RevInfo:
        """The latest rev, the oldest that can be read, and when the commit was made."""
        return self.get(RevInfo, "/rev", moment)

    def get_schema(self, **moment: Unpack[Moment]) -> SchemaInfo:
        """The version of the stored layout."""
        return self.get(SchemaInfo, "/schema", moment)

    def list_prometheus_targets(
        self,
        *,
        port: str | None = None,
        app: Sequence[str] = (),
        proctype: Sequence[str] = (),
        service: Sequence[str] = (),
        **moment: Unpack[Moment],
    ) -> list[dict[str, Any]]:
        """What `http_sd_configs` reads: running instances, or the endpoints of services."""
        params = query({**moment, "port": port, "app": app, "proctype": proctype, "service": service})
        groups: list[dict[str, Any]] = (self.request("GET", "/discovery/prometheus", params=params)).json()
        return groups

    def livez(self) -> None:
        """Raises where the process does not answer."""
        self.request("GET", "/livez")

    def readyz(self, *, draining: str | None = None) -> None:
        """Raises where it cannot serve, with the reason."""
        self.request("GET", "/readyz", params=query({"draining": draining}))

    def get_metrics(self) -> str:
        """Prometheus's text."""
        return (self.request("GET", "/metrics")).text

    def list_problems(self) -> str:
        """Every error code, as a page of HTML."""
        return (self.request("GET", "/problems")).text

    def get_problem(self, code: str) -> str:
        """What an error code means, as a page of HTML."""
        return (self.request("GET", path("problems", code))).text
