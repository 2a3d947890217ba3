"""How far long work is: a bar on standard error, where that is a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

Advance = Callable[[float], None]
"""Says that so much more is done."""


@contextmanager
def progress(
    what: str, total: float | None = None, *, in_bytes: bool = False, shown: bool = True
) -> Iterator[Advance]:
    """Show `what` is done while the body runs, and how much of `total`; None where that is not known. Nothing
    is left of it afterwards, and nothing shown where nobody looks: what a command says is the same."""
    if not (shown and sys.stderr.isatty()):
        yield _nobody_looks
        return
    # Imported where it is drawn.
    from rich import progress as bars
    from rich.console import Console

    columns: list[bars.ProgressColumn] = [bars.TextColumn("{task.description}"), bars.BarColumn()]
    if in_bytes:
        columns += [bars.DownloadColumn(), bars.TransferSpeedColumn()]
    elif total is not None:
        columns.append(bars.MofNCompleteColumn())
    columns.append(bars.TimeElapsedColumn() if total is None else bars.TimeRemainingColumn())
    # What is written meanwhile goes where it is meant to go: rich would have all of it pass through itself.
    console = Console(stderr=True)
    with bars.Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


def _nobody_looks(more: float) -> None:
    """Nothing is shown."""


def passing(parts: Iterable[bytes], advance: Advance) -> Iterator[bytes]:
    """The parts, each counted once it was taken."""
    for part in parts:
        yield part
        advance(len(part))
