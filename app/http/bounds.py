"""The limits of a query."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of a query's text, values of its repeatable parameters together, items of a page, bytes of an
    answer."""

    query: int = 8192
    values: int = 100
    page: int = 1000
    answer: int = 8 * 1024 * 1024
