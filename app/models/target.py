"""A target for Prometheus: a group of its HTTP service discovery (http_sd)."""

from enum import StrEnum
from typing import Any

from app.models.base import Model

PREFIX = "__meta_visor_"
"""Labels that begin so are for relabeling: Prometheus drops them before it stores anything."""


class ScrapedPort(StrEnum):
    """`main`: the port that the process serves on. `tele`: the one for its metrics, where it has one."""

    MAIN = "main"
    TELE = "tele"


class TargetGroup(Model):
    """A target with its labels. Each group has one target."""

    targets: list[str]
    labels: dict[str, str]


def address(host: str, port: int) -> str:
    """`box7.example.com:80`, `[::1]:80`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def group_of_instance(instance: dict[str, Any], port: ScrapedPort) -> dict[str, Any] | None:
    """The group of a running instance, which is plain JSON; None where it has no such port."""
    number = instance["port" if port is ScrapedPort.MAIN else "tele_port"]
    if number is None:
        return None
    names = ("app", "proctype", "revision", "env", "host", "ip", "hostname")
    labels = {PREFIX + name: instance[name] or "" for name in names}
    labels[PREFIX + "instance"] = str(instance["id"])
    labels[PREFIX + "port"] = port.value
    return {"targets": [address(instance["hostname"], number)], "labels": labels}


def group_of_endpoint(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The group of a service's endpoint, which is plain JSON."""
    labels = {PREFIX + name: str(endpoint[name]) for name in ("service", "ip", "priority", "weight")}
    labels[PREFIX + "endpoint"] = endpoint["id"]
    labels[PREFIX + "host"] = endpoint["addr"]
    labels[PREFIX + "target"] = endpoint["target"] or ""
    return {"targets": [address(endpoint["addr"], endpoint["port"])], "labels": labels}
