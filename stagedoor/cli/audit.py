"""`stagedoor audit`: shows the audit log."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.audit import Subject, latest
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import columns, out


def audit(
    subject: Annotated[
        str, typer.Argument(help="Only entries about this subject, e.g. user:7 or stream:12 (default: all).")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of entries.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the audit log of operators' acts, newest first."""

    async def print_acts(database: Database, settings: Settings) -> None:
        entries = await latest(database, limit, Subject(subject) if subject else None)
        if as_json:
            typer.echo(msgspec.json.encode(entries))
            return
        table = columns("at", "who", "act", "subject", "detail")
        for entry in entries:
            detail = " ".join(f"{name}={value}" for name, value in entry.detail.items())
            table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S} UTC", entry.actor, entry.act, entry.subject, detail)
        nothing = f"No entries about {subject}." if subject else "The audit log is empty."
        out.print(table if entries else nothing, highlight=False, markup=False)

    with_database(print_acts)
