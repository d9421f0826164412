"""`stagedoor ledger`: derive every balance again from the entries, and export them."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
import typer

from control_plane.base import private_file
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.loading import load
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.ledger import export as exporting
from control_plane.operations.audit import Act, Subject, record
from stagedoor.cli import terminal
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import opened, reachable, with_database
from stagedoor.cli.terminal import Commands, columns, out, progress

SHOWN = 20
_TOLD_S = 2.0
"""Seconds between two lines of progress."""
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class FileNotWritten(ControlPlaneError):
    code = "file_not_written"
    kind = ErrorKind.STOPS


# `check` imports what it needs itself, because the import takes longer than most other commands.


def check(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Derive every balance from the ledger's entries and print the trial balance. Reads only, slowly, beside a running
    server. Exits with status 1 when something disagrees: then stop the server, and see `docs/money.md`."""
    from control_plane.ledger.check import Result
    from stagedoor.parts.money import ledger_check

    told = time.monotonic()

    def tell(line: str) -> None:
        nonlocal told
        if time.monotonic() - told > _TOLD_S:
            told = time.monotonic()
            progress(line)

    async def run() -> Result:
        async with reachable(settings) as dsns, opened(dsns.server) as database:
            return await ledger_check(database, dsns.server).full(tell)

    async def print_result() -> None:
        result = await run()
        lines = [
            ("users" if line.of_users else "system", line.kind, coins)
            for line, coins in sorted(result.trial_balance.items(), reverse=True)
        ]
        total = sum(coins for _, _, coins in lines)
        if as_json:
            balance = [{"of": of, "kind": kind, "coins": coins} for of, kind, coins in lines]
            answer = {
                "trial_balance": balance,
                "sum": total,
                "differences": result.differences,
                "found": result.found,
            }
            typer.echo(msgspec.json.encode(answer))
        else:
            table = columns("of", "account", "coins")
            for of, kind, coins in lines:
                table.add_row(of, kind, f"{coins:,}")
            table.add_row("", "sum", f"{total:,}")
            out.print(table, highlight=False)
            for difference in result.found[:SHOWN]:
                out.print(f"  {difference}", highlight=False, markup=False, soft_wrap=True)
            noun = "difference" if result.differences == 1 else "differences"
            out.print(
                f"{result.differences} {noun}." if result.differences else "Every balance is the sum of its entries."
            )
        if result.differences:
            raise typer.Exit(1)

    settings = load()
    terminal.run(print_result())


def export(
    start: Annotated[dt.datetime, typer.Option("--from", formats=FORMATS, help="Begin of the period, in UTC.")],
    end: Annotated[
        dt.datetime,
        typer.Option("--to", formats=FORMATS, help="End of the period, in UTC; it does not belong to the period."),
    ],
    file: Annotated[
        Path | None, typer.Option("--out", help="File to write, readable by you only. Without it: standard output.")
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
        with nullcontext(sys.stdout) if file is None else _written(file) as written:
            written.write(head)
            async for piece in pieces:
                written.write(piece)

    with_database(write)


@contextmanager
def _written(path: Path) -> Iterator[TextIO]:
    try:
        with private_file.writing(path) as file:
            yield file
    except OSError as error:
        raise FileNotWritten(f"{path} cannot be written: {error.strerror or error}.") from None


COMMANDS: Commands = {"check": check, "export": export}
