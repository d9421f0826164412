"""`stagedoor run`."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import typer

from control_plane import logs
from control_plane.cli import terminal
from control_plane.cli.terminal import err, out, progress
from control_plane.console import announce, warn_of_development
from control_plane.settings import Settings, load

if TYPE_CHECKING:
    from control_plane.server import Started

INTERRUPTED = 130


def run() -> None:
    """Start everything, and run until Ctrl-C."""
    settings = load()
    logs.set_up(settings.log_format, settings.log_level)
    terminal.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from control_plane.server import serve  # the whole platform: the other commands start faster without it

    if settings.dev:
        warn_of_development(err, lan=settings.lan)
    stop = asyncio.Event()
    is_ready = False

    def ready(started: Started) -> None:
        nonlocal is_ready
        is_ready = True
        announce(out, started)

    def stop_or_hurry() -> None:
        if stop.is_set() or not is_ready:  # before it is ready, and at the second signal: take down what there is
            serving.cancel()
        stop.set()

    serving = asyncio.create_task(serve(settings, progress, ready, stop))
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_, stop_or_hurry)
    try:
        await serving
    except asyncio.CancelledError:
        err.print("Stopped before it was ready." if not is_ready else "Stopped in a hurry.")
        raise typer.Exit(INTERRUPTED) from None
