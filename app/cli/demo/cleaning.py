"""`visor demo --clean`: takes away what a demo has left on a service."""

from visor_client import Visor

PREFIX = "demo-"


def clean(visor: Visor) -> int:
    """Unregister every app of a demo with its instances, and the hosts that it had. How many apps."""
    apps = [app.name for app in visor.list_apps(limit=1000) if app.name.startswith(PREFIX)]
    hosts = set()
    for app in apps:
        for instance in visor.list_app_instances(app, limit=1000).all():
            hosts.add(instance.host)
            visor.unregister_instance(instance.id, client="visor demo", cause="the demo is over")
        visor.unregister_app(app)
    for member in visor.list_members("pms").all():
        if member.addr in hosts or member.addr.startswith("10.77."):
            visor.unregister_member("pms", member.addr)
    return len(apps)
