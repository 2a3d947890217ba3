"""Random commands on services, endpoints, runners and members."""

from typing import Any
from urllib.parse import quote

from tests.model import contract_resources as contract
from tests.model.choosing import command
from tests.model.comparing import Both
from tests.model.platform_rules import ADDRS, POST, PUT, SERVICES, How


class DirectoryRules:
    """Mixed into the machine, which has `both`."""

    both: Both

    @command(3, name=SERVICES, gone=(True, False), how=POST)
    def service(self, name: str, gone: bool, how: How) -> None:
        if gone:
            self.both.write(
                "DELETE",
                f"/services/{name}",
                lambda draft: contract.unregister_service(draft, name),
                target=lambda state: state.find("service", name),
                **how,
            )
            return
        self.both.write(
            "POST",
            "/services",
            lambda draft: contract.register_service(draft, name),
            {"name": name},
            status=201,
            target=lambda state: state.find("service", name),
            location=lambda _: f"/services/{name}",
            **how,
        )

    @command(
        5,
        service=SERVICES,
        at=[{"addr": "10.0.0.7"}, {"addr": "db.example.com", "ip": "10.0.0.9"}],
        port=[80, 81],
        more=[{}, {"priority": 1, "weight": 2, "target": "db"}],
        gone=(True, False),
        how=POST,
    )
    def endpoint(self, service: str, at: Any, port: int, more: Any, gone: bool, how: How) -> None:
        body = {**at, "port": port, **more}
        id = contract.endpoint_id(body["addr"], port)
        path = f"/services/{service}/endpoints"
        if gone:
            self.both.write(
                "DELETE",
                f"{path}/{id}",
                lambda draft: contract.unregister_endpoint(draft, service, id),
                target=lambda state: state.find("endpoint", service, id),
                **how,
            )
            return
        self.both.write(
            "POST",
            path,
            lambda draft: contract.register_endpoint(draft, service, body),
            body,
            status=201,
            target=lambda state: state.find("endpoint", service, id),
            location=lambda _: f"{path}/{id}",
            **how,
        )

    @command(2, addr=ADDRS, id=range(1, 6), gone=(True, False), how=POST)
    def runner(self, addr: str, id: int, gone: bool, how: How) -> None:
        body = {"addr": addr, "instance_id": id}
        if gone:
            self.both.write(
                "DELETE",
                f"/runners/{quote(addr)}",
                lambda draft: contract.unregister_runner(draft, addr),
                target=lambda state: state.find("runner", addr),
                **how,
            )
            return
        self.both.write(
            "POST",
            "/runners",
            lambda draft: contract.register_runner(draft, body),
            body,
            status=201,
            target=lambda state: state.find("runner", addr),
            **how,
        )

    @command(
        3,
        where=[("pms", "10.0.0.7"), ("proxies", "10.0.0.7"), ("loggers", "10.0.0.8:514")],
        body=[{"version": v, "ttl": t} for v in ("1", "2") for t in (None, 3600)],
        gone=[False, False, True],
        how=PUT,
    )
    def member(self, where: tuple[str, str], body: Any, gone: bool, how: How) -> None:
        path = f"/members/{where[0]}/{where[1]}"
        if gone:
            self.both.write(
                "DELETE",
                path,
                lambda draft: contract.remove_member(draft, *where),
                target=lambda state: state.find("member", *where),
                **how,
            )
            return
        self.both.write(
            "PUT",
            path,
            lambda draft: contract.put_member(draft, *where, body),
            body,
            target=lambda state: state.find("member", *where),
            **how,
        )
