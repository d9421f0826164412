"""Output of the benchmarks: headings, tables, and figures coloured by their targets."""

from __future__ import annotations

import datetime as dt
import os
import platform as machine
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table

out = Console(width=150 if not Console().is_terminal else None)


@dataclass(frozen=True, slots=True)
class Target:
    """Limit of a figure: a maximum, or with `at_least` a minimum."""

    limit: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


def heading(name: str, quick: bool) -> None:
    cores = os.cpu_count()
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    out.print(
        f"[bold]{name}[/] · {dt.datetime.now(dt.UTC):%Y-%m-%d} · Python {machine.python_version()} · {machine.system()} "
        f"{machine.machine()}, {cores} cores, load before {load}" + (" · quick: the figures are rough" if quick else "")
    )


def step(line: str) -> None:
    out.print(f"[dim]• {line}[/]", highlight=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """The first column is text, the others are figures."""
    drawn = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="left" if number == 0 else "right", no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*row)
    out.print(drawn)


def figure(value: float, unit: str = "", target: Target | None = None) -> str:
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    text = f"{text} {unit}".rstrip()
    if target is None:
        return text
    return f"[{'green' if target.met_by(value) else 'bold red'}]{text}[/]"


def ratio(values: Sequence[float], target: Target | None = None) -> str:
    """The median of the rounds' ratios, as text."""
    return figure(median(values), "×", target)
