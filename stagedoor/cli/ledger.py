"""`stagedoor ledger`: derive every balance again from the entries."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from control_plane.config.loading import load
from stagedoor.cli import terminal
from stagedoor.cli.database import opened, reachable
from stagedoor.cli.terminal import Commands, columns, out, progress

SHOWN = 20
_TOLD_S = 2.0
"""Seconds between two lines of progress."""

# The command imports the check itself, because the import takes longer than most other commands.


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


COMMANDS: Commands = {"check": check}
