"""`stagedoor doctor`: checks every part of an installation, running or not, and gives advice."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from control_plane.config.declare import InvalidSettings
from control_plane.config.loading import load
from stagedoor.cli import terminal
from stagedoor.cli.doctor.finding import Check, Finding, State, broken
from stagedoor.cli.doctor.installation import looked_at
from stagedoor.cli.terminal import columns, out

SYMBOLS = {State.OK: "[green]✓[/]", State.WARNING: "[yellow]![/]", State.BROKEN: "[red]✗[/]"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check every part of this installation and give advice. Exits with status 1 when something is broken."""

    async def print_findings() -> None:
        found = await findings()
        if as_json:
            typer.echo(msgspec.json.encode([{"part": name, **msgspec.to_builtins(finding)} for name, finding in found]))
        else:
            _print(found)
        if any(finding.state is State.BROKEN for _, finding in found):
            raise typer.Exit(1)

    terminal.run(print_findings())


async def findings() -> list[tuple[str, Finding]]:
    try:
        settings = load()
    except InvalidSettings as error:
        return [("settings", broken(str(error)))]
    found = []
    async with looked_at(settings) as installation:
        for check in _checks():
            finding = await check.finding(installation)
            if finding is not None:
                found.append((check.name, finding))
    return found


def _checks() -> tuple[Check, ...]:
    """The checks. They are imported here, because they are slow to import and other commands do not need them."""
    from stagedoor.cli.doctor import (
        counters,
        database,
        ledger,
        machine,
        media_server,
        messages,
        network,
        purchases,
        push,
        reports,
        storage,
        videos,
    )

    return (
        Check("Python", machine.python),
        Check("settings", machine.settings),
        Check("data directory", machine.data_directory),
        Check("secrets", machine.secrets_file),
        Check("open files", machine.open_files),
        Check("ffmpeg", machine.ffmpeg),
        Check("ports", network.ports),
        Check("database", database.postgresql),
        Check("database role", database.role),
        Check("schema", database.schema),
        Check("secrets of the database", database.belonging),
        Check("mode of the database", database.mode),
        Check("database clock", database.clock),
        Check("reports", reports.waiting),
        Check("purchases", purchases.waiting),
        Check("ledger", ledger.checked),
        Check("counters", counters.counters, deadline_s=30),
        Check("bucket of files", storage.bucket, deadline_s=30),
        Check("files of videos", videos.files, deadline_s=45),
        Check("MediaMTX", media_server.binary, deadline_s=25),
        Check("MediaMTX running", media_server.configured),
        Check("MediaMTX clock", media_server.clock),
        Check("hooks", network.hooks_listener),
        Check("mail", messages.mail, deadline_s=35),
        Check("text messages", messages.text_messages, deadline_s=35),
        Check("codes by text message", messages.codes_of_today),
        Check("push to phones", push.phones, deadline_s=25),
        Check("push to browsers", push.browsers),
        Check("server", network.server),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print(found: list[tuple[str, Finding]]) -> None:
    table = columns("", "", "")
    table.show_header = False
    for name, finding in found:
        table.add_row(SYMBOLS[finding.state], name, escape(finding.text))
        if finding.advice:
            table.add_row("", "", f"[dim]→[/] {escape(finding.advice)}")
    out.print(table, highlight=False)
    worst = [sum(finding.state is state for _, finding in found) for state in (State.BROKEN, State.WARNING)]
    out.print(
        "\nEverything is in order."
        if not any(worst)
        else f"\n{_count(worst[0], 'error')}, {_count(worst[1], 'warning')}."
    )
