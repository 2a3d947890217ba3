"""Random commands on services, endpoints, runners and members."""

from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model import contract_resources as contract
from tests.model.comparing import Both
from tests.model.platform_rules import ADDRS, POST, PUT, SERVICES, How


class DirectoryRules:
    """Mixed into the machine, which has `both`."""

    both: Both

    @rule(name=SERVICES, gone=st.booleans(), how=POST)
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

    @rule(
        service=SERVICES,
        at=st.sampled_from([{"addr": "10.0.0.7"}, {"addr": "db.example.com", "ip": "10.0.0.9"}]),
        port=st.sampled_from([80, 81]),
        more=st.sampled_from([{}, {"priority": 1, "weight": 2, "target": "db"}]),
        gone=st.booleans(),
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

    @rule(addr=ADDRS, id=st.integers(1, 5), gone=st.booleans(), how=POST)
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

    @rule(
        where=st.sampled_from([("pms", "10.0.0.7"), ("proxies", "10.0.0.7"), ("loggers", "10.0.0.8:514")]),
        body=st.sampled_from([{"version": v, "ttl": t} for v in ("1", "2") for t in (None, 3600)]),
        gone=st.sampled_from([False, False, True]),
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
