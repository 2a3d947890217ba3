"""How a random command comes by its arguments."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., None])
Choice = Sequence[Any] | Callable[[Random], Any]
"""What to choose from, or what makes a value."""

COMMANDS: list[tuple[str, int, dict[str, Choice]]] = []
"""Names of the machine's methods, how often each comes among the others, and its arguments."""


def command(weight: int, **choices: Choice) -> Callable[[F], F]:
    """Mark a method as a random command."""

    def mark(method: F) -> F:
        COMMANDS.append((method.__name__, weight, choices))
        return method

    return mark


def any_command(machine: object, chance: Random) -> None:
    """Do one of the commands, with arguments by chance."""
    name, _, choices = chance.choices(COMMANDS, [weight for _, weight, _ in COMMANDS])[0]
    getattr(machine, name)(**{arg: value(choice, chance) for arg, choice in choices.items()})


def value(choice: Choice, chance: Random) -> Any:
    return choice(chance) if callable(choice) else chance.choice(choice)


def mapping(keys: Sequence[str], values: Choice, most: int) -> Choice:
    """A dictionary with up to so many of the keys."""
    return lambda chance: {key: value(values, chance) for key in chance.sample(keys, chance.randint(0, most))}


def part(**choices: Choice) -> Choice:
    """A dictionary with some of the fields."""
    return lambda chance: {
        name: value(choice, chance) for name, choice in choices.items() if chance.random() < 0.4
    }


def whole(**choices: Choice) -> Choice:
    """A dictionary with all of the fields."""
    return lambda chance: {name: value(choice, chance) for name, choice in choices.items()}


def few(values: Sequence[Any]) -> Choice:
    """One or two of the values."""
    return lambda chance: chance.choices(values, k=chance.randint(1, 2))
