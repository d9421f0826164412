"""The command line `stagedoor`: its commands and groups of commands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Annotated

import typer

from control_plane.base.errors import ControlPlaneError
from stagedoor.cli import (
    audit,
    content,
    database,
    doctor,
    installation,
    jobs,
    ledger,
    media,
    payouts,
    purchases,
    reports,
    run,
    secrets,
    settings,
    storage,
    streams,
    users,
    verifications,
    videos,
)
from stagedoor.cli.catalogue import gifts, packages
from stagedoor.cli.terminal import Commands, err

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
    "users": ("Add, list, ban and manage users.", users.COMMANDS),
    "stream": ("List, end and manage streams.", streams.COMMANDS),
    "videos": ("List, show, retry and remove videos.", videos.COMMANDS),
    "reports": ("Read and close reports of users, streams and messages.", reports.COMMANDS),
    "payouts": ("Approve, reject and pay payouts, and write the file for the bank.", payouts.COMMANDS),
    "database": ("Renew a restored database, or prepare a development database for production.", installation.COMMANDS),
    "purchases": ("List, show and retry purchases that wait or were refused.", purchases.COMMANDS),
    "ledger": ("Check the ledger, and export it.", ledger.COMMANDS),
    "jobs": ("List, retry and drop background jobs.", jobs.COMMANDS),
    "storage": ("Check the stored files.", storage.COMMANDS),
    "secrets": ("Manage the signing secrets.", secrets.COMMANDS),
}
CONTENT: Mapping[str, tuple[str, Commands]] = {
    "sliders": ("The pictures of the apps' start page.", content.SLIDERS),
    "interests": ("The interests that users can choose from, by section.", content.INTERESTS),
    "licence": ("The licence text.", content.LICENCE),
}


CATALOGUE: Mapping[str, tuple[str, Commands]] = {
    "gifts": ("The gifts that users can send.", gifts.COMMANDS),
    "packages": ("The coin packages that users can buy.", packages.COMMANDS),
}

SUBGROUPS: Mapping[str, Mapping[str, tuple[str, Commands]]] = {
    "users": {"verifications": ("Decide requests for the verified badge.", verifications.COMMANDS)},
    "reports": {"appeals": ("Decide appeals of decisions about reports.", reports.APPEALS)},
}
"""Groups inside a group."""


def _group(about: str, commands: Commands) -> typer.Typer:
    group = typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    for name, command in commands.items():
        group.command(name)(command)
    return group


app = _group("Stagedoor, a live-streaming control plane around MediaMTX.", TOP)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stagedoor {metadata.version('stagedoor')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Stagedoor, a live-streaming control plane around MediaMTX."""


def _add_groups(to: typer.Typer, groups: Mapping[str, tuple[str, Commands]]) -> None:
    for name, (about, commands) in groups.items():
        group = _group(about, commands)
        for inner, (about_inner, inner_commands) in SUBGROUPS.get(name, {}).items():
            group.add_typer(_group(about_inner, inner_commands), name=inner)
        to.add_typer(group, name=name)


_content = _group(
    "Edit what the apps show: sliders, interests and the licence text. Servers show it within seconds.", {}
)
_add_groups(_content, CONTENT)
_catalogue = _group("Edit the gifts and coin packages on offer. Servers show it within seconds.", {})
_add_groups(_catalogue, CATALOGUE)
_add_groups(app, GROUPS)
app.add_typer(_catalogue, name="catalogue")
app.add_typer(_content, name="content")


def main() -> None:
    """The entry point of the console script. A ControlPlaneError is printed as a message without a traceback."""
    try:
        app()
    except ControlPlaneError as error:
        err.print(f"[bold red]stagedoor:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
