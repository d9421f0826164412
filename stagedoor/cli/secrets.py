"""`stagedoor secrets`: rotates the signing secrets."""

from __future__ import annotations

from typing import Annotated

import typer

from control_plane.config import secrets
from control_plane.config.secrets import Purpose
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations import audit
from control_plane.operations.audit import Act, Subject
from control_plane.payouts.store import keys_in_use
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, out


def rotate(
    purpose: Annotated[list[Purpose] | None, typer.Argument(help="Purposes to rotate (default: all).")] = None,
) -> None:
    """Add new signing secrets. The old ones are still accepted. Takes effect at the next start."""
    purposes = tuple(purpose or Purpose)

    async def rotate_secret(database: Database, settings: Settings) -> None:
        secrets.rotate(settings.secrets_path, purposes, await keys_in_use(database))
        out.print("Rotated. Restart the server to sign with the new secrets.")
        async with database.transaction() as connection:
            for rotated in purposes:
                await audit.record(connection, actor(), Act.SECRETS_ROTATED, Subject(f"secrets:{rotated.value}"))

    with_database(rotate_secret)


COMMANDS: Commands = {"rotate": rotate}
