"""A registry as its lists show it."""

from typing import Any

from tests.fault.visor_process import Serving


def lists(visor: Serving, rev: int | None = None) -> dict[str, list[Any]]:
    """The registry by its lists, at a rev."""
    at = rev or visor.rev

    def page(path: str) -> list[Any]:
        found: list[Any] = []
        more = {"rev": str(at)}
        while True:
            said = visor.get(path, params={"limit": "1000", **more}).json()
            found += said["items"]
            if said["next"] is None:
                return found
            more = {"cursor": said["next"]}

    registered, services = page("/apps"), page("/services")
    return {
        "app": registered,
        "revision": page("/revisions"),
        "envset": [e for app in registered for e in page(f"/apps/{app['name']}/envs")],
        "proctype": [p for app in registered for p in page(f"/apps/{app['name']}/proctypes")],
        "instance": page("/instances"),
        "service": services,
        "endpoint": [e for s in services for e in page(f"/services/{s['name']}/endpoints")],
        "runner": page("/runners"),
        "member": [m for kind in ("pms", "proxies", "loggers") for m in page(f"/members/{kind}")],
    }
