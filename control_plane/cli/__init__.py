"""The commands of `stagedoor`."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import typer

from control_plane.cli import audit, database, doctor, media, run, secrets, settings, streams, users
from control_plane.cli.terminal import Commands, err
from control_plane.errors import ControlPlaneError

TOP: Commands = {
    "run": run.run,
    "doctor": doctor.doctor,
    "settings": settings.settings,
    "migrate": database.migrate,
    "mediamtx-config": media.mediamtx_config,
    "token": users.token,
    "audit": audit.audit,
}
GROUPS: Mapping[str, tuple[str, Commands]] = {
    "users": ("Add people, and act on them.", users.COMMANDS),
    "stream": ("Look at streams and act on them.", streams.COMMANDS),
    "secrets": ("The signing secrets.", secrets.COMMANDS),
}


def _group(about: str, commands: Commands) -> typer.Typer:
    group = typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    for name, command in commands.items():
        group.command(name)(command)
    return group


app = _group("Stagedoor, a live-streaming control plane around MediaMTX.", TOP)
for name, (about, commands) in GROUPS.items():
    app.add_typer(_group(about, commands), name=name)


def main() -> None:
    """The console script: one clear sentence instead of a traceback for what is expected to go wrong."""
    try:
        app()
    except ControlPlaneError as error:
        err.print(f"[bold red]stagedoor:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
