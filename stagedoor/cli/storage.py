"""`stagedoor storage`: compare the stored files with the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.audit import Act, Subject, record
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, out

SHOWN = 20

# The command imports storage and the queue itself, because the import takes longer than most other commands.


def check(
    repair: Annotated[bool, typer.Option("--repair", help="Delete files that the database does not know.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Find files without a row, rows without a file, and files whose deletion is overdue. Exits with status 1 when files
    are missing: restore them from a backup."""
    from control_plane.storage import check as checking
    from stagedoor.parts.storage import storage

    async def work(database: Database, settings: Settings) -> None:
        report = await checking.check(storage(settings), database)
        deleted = await checking.repair(report, database) if repair else 0
        if repair:
            async with database.transaction() as connection:
                await record(connection, actor(), Act.STORAGE_REPAIRED, Subject("storage"), files=deleted)
        if as_json:
            typer.echo(msgspec.json.encode(report))
        else:
            out.print(f"{report.files} files, {report.bytes >> 20} MB.")
            _list("without a row in the database", [file.name for file in report.strays])
            _list("overdue to be deleted", report.overdue)
            _list("missing: restore them from a backup", report.missing)
            if deleted:
                out.print(f"The deletion of {deleted} files is enqueued for the server.")
            elif report.strays or report.overdue:
                out.print("`stagedoor storage check --repair` deletes what nothing refers to.")
        if report.missing:
            raise typer.Exit(1)

    with_database(work)


def _list(what: str, names: Sequence[str]) -> None:
    if names:
        out.print(f"{len(names)} {what}:", highlight=False, markup=False)
        for name in names[:SHOWN]:
            out.print(f"  {name}", highlight=False, markup=False, soft_wrap=True)


COMMANDS: Commands = {"check": check}
