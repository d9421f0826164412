"""`stagedoor ledger`: reads the ledger."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import typer

from control_plane.base import private_file
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.ledger import export as exporting
from control_plane.operations.audit import Act, Subject, record
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class FileNotWritten(ControlPlaneError):
    code = "file_not_written"
    kind = ErrorKind.STOPS


def export(
    start: Annotated[dt.datetime, typer.Option("--from", formats=FORMATS, help="Begin of the period, in UTC.")],
    end: Annotated[
        dt.datetime,
        typer.Option("--to", formats=FORMATS, help="End of the period, in UTC; it does not belong to the period."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write, readable by you only. Without it: standard output.")
    ] = None,
) -> None:
    """Print the movements of coins in a period as CSV: a line for each entry of the ledger, then the totals by kind of
    account, which are the change of the trial balance in the period."""
    start, end = start.replace(tzinfo=dt.UTC), end.replace(tzinfo=dt.UTC)

    async def write(database: Database, settings: Settings) -> None:
        pieces = exporting.export(database, start, end)
        head = await anext(pieces)  # the period is checked
        async with database.transaction() as connection:
            period = {"from": start.isoformat(), "to": end.isoformat()}
            await record(connection, actor(), Act.LEDGER_EXPORTED, Subject("ledger"), **period)
        with nullcontext(sys.stdout) if out is None else _written(out) as file:
            file.write(head)
            async for piece in pieces:
                file.write(piece)

    with_database(write)


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    try:
        with private_file.writing(path) as file:
            yield file
    except OSError as error:
        raise FileNotWritten(f"{path} cannot be written: {error.strerror or error}.") from None


COMMANDS: Commands = {"export": export}
