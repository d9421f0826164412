"""What commands write to: answers to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

Commands = Mapping[str, Callable[..., None]]
"""What is to be typed, and what it does."""

FOLDS_AT = None if sys.stdout.isatty() else 1000
"""What reads our output looks for whole words on one line."""

out = Console(width=FOLDS_AT)
err = Console(stderr=True)


def progress(line: str) -> None:
    err.print(f"[dim]•[/] {line}", highlight=False)


def say(line: str) -> None:
    """To the person, not to what reads our output."""
    err.print(line, highlight=False, markup=False, soft_wrap=True)


def columns(*names: str) -> Table:
    """A table without lines."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(work)
