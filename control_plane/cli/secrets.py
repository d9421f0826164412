"""`stagedoor secrets`."""

from __future__ import annotations

from typing import Annotated

import typer

from control_plane import audit, secrets
from control_plane.audit import Act, Subject
from control_plane.cli.at_work import actor
from control_plane.cli.database import with_database
from control_plane.cli.terminal import Commands, out
from control_plane.db.pool import Database
from control_plane.secrets import Purpose
from control_plane.settings import Settings


def rotate(
    purpose: Annotated[list[Purpose] | None, typer.Argument(help="Which; without any, all.")] = None,
) -> None:
    """Put a new secret before the old ones, which go on being accepted. Takes effect at the next start."""
    purposes = tuple(purpose or Purpose)

    async def work(database: Database, settings: Settings) -> None:
        secrets.rotate(settings.secrets_path, purposes)
        out.print("Rotated. Restart the server to sign with the new secrets.")
        async with database.transaction() as connection:
            for rotated in purposes:
                await audit.record(connection, actor(), Act.SECRETS_ROTATED, Subject(f"secrets:{rotated.value}"))

    with_database(work)


COMMANDS: Commands = {"rotate": rotate}
