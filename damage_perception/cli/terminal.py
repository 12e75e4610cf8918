"""What the commands show: progress, one line of error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import NoReturn, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

console = Console(highlight=False)
# What is to be freed at the end of a command.
held = ExitStack()


class Failure(Exception):
    """A command that cannot go on; the text is the one line that the user sees."""


def fail(message: str) -> NoReturn:
    """Ends the program with one line on stderr and exit status 2."""
    line = " ".join(message.split())
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {line}", markup=False)
    sys.exit(2)


def progress_bar() -> Progress:
    """A bar with counts and times."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def shown(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    """``items``, with a progress bar while they are taken; total is None where there is no end."""
    with progress_bar() as progress:
        yield from progress.track(items, total=total, description=description)
