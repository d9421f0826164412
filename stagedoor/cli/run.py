"""`stagedoor run`: starts the server in a terminal or service, and handles its signals."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

import typer
from rich.markup import render

from control_plane.base.errors import ControlPlaneError
from control_plane.config.loading import load
from control_plane.config.settings import Settings
from control_plane.observe import logs
from stagedoor.cli import terminal
from stagedoor.cli.console import announce, warn_of_development
from stagedoor.cli.terminal import err, out, progress

if TYPE_CHECKING:
    from stagedoor.roles import Started

log = logging.getLogger(__name__)

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells define it (128 + SIGINT)."""


def run() -> None:
    """Start the server and run it until Ctrl-C."""
    settings = load()
    logs.set_up(settings.log_format, settings.log_level)
    try:
        terminal.run(_serve(settings))
    except ControlPlaneError as error:
        if settings.log_format != "json":
            raise
        log.error("start_failed", extra={"why": error.code, "text": str(error)})
        raise typer.Exit(1) from None


def _logged(line: str) -> None:
    """Log a progress line as JSON, because with LIVE_LOG_FORMAT=json every line on standard error is JSON."""
    log.info("progress", extra={"text": render(line).plain})


async def _serve(settings: Settings) -> None:
    from stagedoor.run import serve  # slow to import, and only this command needs it

    as_json = settings.log_format == "json"
    if settings.dev and as_json:
        log.warning("development_mode")
    elif settings.dev:
        warn_of_development(err, lan=settings.lan)
    stop = asyncio.Event()
    is_ready = False

    def ready(started: Started) -> None:
        nonlocal is_ready
        is_ready = True
        announce(out, started)

    def stop_or_hurry() -> None:
        if stop.is_set() or not is_ready:  # before it is ready, or at the second signal: stop at once
            serving.cancel()
        stop.set()

    serving = asyncio.create_task(serve(settings, _logged if as_json else progress, ready, stop))
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_, stop_or_hurry)
    try:
        await serving
    except asyncio.CancelledError:
        line = "Stopped before it was ready." if not is_ready else "Stopped without waiting for open calls."
        if as_json:
            _logged(line)
        else:
            err.print(line)
        raise typer.Exit(INTERRUPTED) from None
