"""Commands of the two common shapes: one call that lists, and one call that writes."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from app.cli.calling import Calling, reads, writes
from app.cli.output import Column

Declare = Callable[[argparse.ArgumentParser], None]
"""Tells a parser a command's arguments, and what it runs."""

Argument = str | tuple[str, dict[str, Any]]
"""A positional argument, or what `arg` gives."""


def arg(name: str, **how: Any) -> Argument:
    """An argument as argparse takes it."""
    return name, how


def lists(
    call: Callable[[Calling], Any], columns: Sequence[Column], none: str, *arguments: Argument
) -> Declare:
    """Shows the listing that the call gives as a table. `none` is said where it is empty; it may name flags
    (`{flags.kind}`)."""

    def run(calling: Calling) -> None:
        listing = call(calling)
        calling.out.items(listing.all(), columns, listing.rev, none.format(flags=calling.flags))

    return _declare(reads, run, arguments)


def writing(
    call: Callable[[Calling], Any], text: str, *arguments: Argument, condition: bool = True
) -> Declare:
    """Tells what was done: `text` may name flags (`{flags.app}`), and fields of its answer (`{made.ref}`)."""

    def run(calling: Calling) -> None:
        made = call(calling)
        calling.changed(made, text.format(flags=calling.flags, made=made))

    return _declare(writes, run, arguments, condition=condition)


def _declare(
    kind: Callable[..., None], run: Callable[[Calling], None], arguments: Sequence[Argument], **more: bool
) -> Declare:
    def declare(parser: argparse.ArgumentParser) -> None:
        for argument in arguments:
            name, how = (argument, {}) if isinstance(argument, str) else argument
            parser.add_argument(name, **how)
        kind(parser, run, **more)

    return declare
