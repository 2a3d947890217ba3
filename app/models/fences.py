"""What stands for a set of keys, on a store that can guard keys but not sets: its fence."""

from app.models import keys

_BY_REGISTRATION = ("instance/?app=", "instance/?proctype=", "instance/?revision=", "instance/?env=")
_APPS_OWN = frozenset({"app", "revision", "envset", "proctype", "scale"})
_SERVICES_OWN = frozenset({"service", "endpoint"})


def of_term(term: str) -> str | None:
    """The key that changes when a key comes to carry the term; see the store's contract. Whether
    instances of an app are active can only change from no to yes by registering one, which writes the
    counter. What a scale counts changes in many ways: it has a fence of its own. The oldest pending
    ticket is guarded by itself, and by the counter of those given back: a new one is never older.

    What is declared below an app or a service has the fence of that (`of_key`), all apps or services the
    fences of all. No rule reads the set of runners, members or idempotency records, or that of an instance's
    status or host."""
    if term.startswith("instance/?scale="):
        return f"fence/{term}"
    if term.startswith(_BY_REGISTRATION):
        return keys.INSTANCE_COUNTER
    if term == keys.instances_in("pending") or term.startswith("instance/?pending="):
        return keys.RETURN_COUNTER
    return of_key(term)


def of_key(key: str) -> str | None:
    """The fence of what is declared below an app or a service, put with each change of it. Of all there is
    (`app/`, `revision/`, `scale/?target`) it is that of all apps or services: `fence/app/`."""
    kind, _, rest = key.partition("/")
    owner = "" if rest.startswith("?") else rest.partition(",")[0]
    if kind in _APPS_OWN:
        return f"fence/app/{owner}"
    if kind in _SERVICES_OWN:
        return f"fence/service/{owner}"
    return None
