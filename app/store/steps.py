"""Work that is made in steps, so that others can have their turn between two of them."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Work in steps, and what comes of it."""

STEP = 250
"""Changes of a large commit that are made, applied or forgotten at once: a few milliseconds."""


def in_one_go(steps: Steps[T]) -> T:
    """What comes of work in steps, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


async def with_pauses(steps: Steps[T]) -> T:
    """The same; between the steps others have their turn."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
        await asyncio.sleep(0)
