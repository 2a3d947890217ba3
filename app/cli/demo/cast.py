"""Who and what is in the demo."""

from random import Random
from typing import NamedTuple

PEOPLE = ("anna", "ben", "chloe", "dmitri")
BOT = "deploy-bot"

_NAMES = (
    "checkout",
    "cart",
    "search",
    "catalog",
    "payments",
    "users",
    "mail",
    "images",
    "frontend",
    "reports",
    "recommend",
    "billing",
)

CHANGES = (
    ("LOG_LEVEL", ("debug", "info", "warning"), "look into slow answers"),
    ("CACHE_TTL", ("60", "300", "900"), "tune the cache"),
    ("DB_POOL", ("5", "10", "20"), "the database has room"),
    ("FEATURE_BASKET", ("on", "off"), "try the new basket"),
)

WHY_DEPLOYED = ("fix the login form", "new prices", "faster search", "update libraries", "smaller images")
WHY_FAILED = ("exit status 1", "cannot reach the database", "port in use", "out of memory")


class DemoApp(NamedTuple):
    """An app of the demo: its name, and how many instances of each proctype it has."""

    name: str
    proctypes: dict[str, int]


def apps_of(random: Random, count: int, prefix: str) -> list[DemoApp]:
    """So many apps. The first is checkout, which has a bad quarter of an hour."""
    apps = []
    for n in range(count):
        round, place = divmod(n, len(_NAMES))
        name = f"{prefix}{_NAMES[place]}{f'-{round + 1}' if round else ''}"
        proctypes = {"web": random.randint(2, 4)}
        if n == 0 or random.random() < 0.6:
            proctypes["worker"] = random.randint(1, 2)
        apps.append(DemoApp(name, proctypes))
    return apps


def hosts_of(count: int) -> list[str]:
    """So many hosts. The last is the one that dies."""
    return [f"10.77.{n // 250}.{n % 250 + 1}" for n in range(count)]


def ref_of(random: Random) -> str:
    """A revision's ref, as git has it."""
    return f"{random.getrandbits(28):07x}"
