"""`stagedoor mediamtx-config`: what a MediaMTX that we do not run has to be started with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from control_plane import secrets
from control_plane.cli.terminal import say
from control_plane.errors import ControlPlaneError
from control_plane.ports import Ports
from control_plane.secrets import Purpose
from control_plane.settings import load


class NotWritten(ControlPlaneError):
    code = "not_written"


def mediamtx_config(
    hook_file: Annotated[
        bool,
        typer.Option(
            "--hook-file", help="Print instead the file that its hooks read: our address and the hook secret."
        ),
    ] = False,
    hook_command: Annotated[
        str | None,
        typer.Option(
            help="How MediaMTX runs our hook script, where it runs: 'python3 -I -S …/send_event.py …/hook'. Empty: without hooks; the control "
            "plane then notices within a second who comes and goes. Default: this installation's Python and script."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write mediamtx.yml and hook there, readable by their owner only."),
    ] = None,
) -> None:
    """Print the configuration for a MediaMTX elsewhere (LIVE_MEDIAMTX_API_URL), with the hook secret in it."""
    from hooks import SEND_EVENT
    from mediamtx import launch
    from mediamtx.config import render
    from mediamtx.hook_command import hook_command as ours
    from mediamtx.hook_command import hook_file_text
    from mediamtx.private_file import write_private

    settings = load()
    settings.check_for_mediamtx_elsewhere()
    its_hook_file = to / "hook" if to else launch.hook_file(settings)
    command = ours(SEND_EVENT, its_hook_file) if hook_command is None else _words(hook_command)
    hooks = secrets.load_or_create(settings.secrets_path)[Purpose.HOOK]
    config = launch.configuration(settings, Ports.of(settings), hooks, command)
    hook_text = hook_file_text(config.hooks_url, config.hook_secret)
    if to is not None:
        try:
            write_private(to / "mediamtx.yml", render(config))
            write_private(to / "hook", hook_text)
        except OSError as error:
            raise NotWritten(f"The files cannot be written to {to}: {error.strerror}.") from None
        say(f"Written: {to / 'mediamtx.yml'} and {to / 'hook'}, which hold the hook secret.")
        return
    typer.echo(hook_text if hook_file else render(config), nl=False)
    say("This holds the hook secret: only MediaMTX may read it.")
    if command and not hook_file:
        say(f"Its hooks run: {shlex.join(command)} online|offline")


def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint="--hook-command") from None
