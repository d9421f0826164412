"""`stagedoor mediamtx-config`: prints the configuration for a MediaMTX that Stagedoor does not run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config import secrets
from control_plane.config.loading import load
from control_plane.config.ports import Ports
from control_plane.config.secrets import Purpose
from stagedoor.cli.terminal import say


class NotWritten(ControlPlaneError):
    code = "not_written"
    kind = ErrorKind.STOPS


def mediamtx_config(
    hook_file: Annotated[
        bool,
        typer.Option(
            "--hook-file", help="Print the file that its hooks read instead: our address and the hook secret."
        ),
    ] = False,
    hook_command: Annotated[
        str | None,
        typer.Option(
            help="Command by which MediaMTX runs our hook script: 'python3 -I -S …/send_event.py …/hook'. "
            "Empty: no hooks; the control plane then notices publishers within a second. "
            "Default: this installation's Python and script."
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write mediamtx.yml and hook to this folder, readable by their owner only."
        ),
    ] = None,
) -> None:
    """Print the configuration for a MediaMTX that you run (LIVE_MEDIAMTX_API_URL). It contains the hook secret."""
    from control_plane.base import private_file
    from hooks import SEND_EVENT
    from mediamtx.node import launch
    from mediamtx.node.config import render
    from mediamtx.node.hook_command import hook_command as ours
    from mediamtx.node.hook_command import hook_file_text

    settings = load()
    settings.check_for_mediamtx_elsewhere()
    its_hook_file = to / "hook" if to else launch.hook_file(settings)
    command = ours(SEND_EVENT, its_hook_file) if hook_command is None else _words(hook_command)
    hooks = secrets.load_or_create(settings.secrets_path)[Purpose.HOOK]
    config = launch.configuration(settings, Ports.of(settings), hooks, command)
    hook_text = hook_file_text(config.hooks_url, config.hook_secret)
    if to is not None:
        try:
            private_file.replace(to / "mediamtx.yml", render(config))
            private_file.replace(to / "hook", hook_text)
        except OSError as error:
            raise NotWritten(f"The files cannot be written to {to}: {error.strerror}.") from None
        say(f"Written: {to / 'mediamtx.yml'} and {to / 'hook'}. They contain the hook secret.")
        return
    typer.echo(hook_text if hook_file else render(config), nl=False)
    say("This holds the hook secret. Let only MediaMTX read it.")
    if command and not hook_file:
        say(f"Its hooks run: {shlex.join(command)} online|offline")


def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint="--hook-command") from None
