"""`stagedoor settings`: lists the settings."""

from __future__ import annotations

from typing import Any

from control_plane.config.loading import describe, load
from stagedoor.cli.terminal import columns, err, out
from stagedoor.processes.data_directory import is_in_use
from stagedoor.processes.run_file import RunFile


def settings() -> None:
    """List every setting with its current value and its meaning."""
    values = load()
    table = columns("setting", "value", "meaning")
    for info in describe():
        value = info.value_in(values)
        shown = ("set" if value else "") if info.secret else _shown(value)
        table.add_row(info.variable, shown if value == info.default else f"[bold]{shown}[/]", info.doc)
    out.print(table)
    if is_in_use(values.data_dir) and RunFile(values.data_dir).mode()[0] != values.dev:
        running = "development" if not values.dev else "production"
        err.print(
            f"[dim]The running server was started in {running} mode: LIVE_DEV differs between its environment and this "
            "one.[/]"
        )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, tuple) else str(value)
