"""`stagedoor reports`: read and close reports of users and streams, and decide appeals."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from control_plane.accounts import store as accounts
from control_plane.accounts.profile_media import ProfileMedia
from control_plane.base.clock import utc_now
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.operators import Operator
from control_plane.reports import deciding, store
from control_plane.reports.deciding import LONGEST_SUSPENSION_DAYS, Deciding
from control_plane.reports.model import Action, Decision, Report
from control_plane.storage.files import Files
from stagedoor.cli.at_work import actor, user_id_of, with_operator
from stagedoor.cli.database import with_database
from stagedoor.cli.publisher import tell_when_gone
from stagedoor.cli.streams import age
from stagedoor.cli.terminal import Commands, Yes, columns, confirm, out

LARGEST = 2**31 - 1
ReportArgument = Annotated[int, typer.Argument(metavar="REPORT", help="Id of the report.", min=1, max=LARGEST)]
DecisionArgument = Annotated[int, typer.Argument(metavar="DECISION", help="Id of the decision.", min=1, max=LARGEST)]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Number of entries.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Why = Annotated[str, typer.Option(help="The reason, in a sentence. The users concerned read it.")]
LONGEST_WHY = 300


def list_reports(
    all_: Annotated[bool, typer.Option("--all", help="Closed reports too, newest first.")] = False,
    kind: Annotated[str, typer.Option(help="Only reports of this kind: user, stream …")] = "",
    reason: Annotated[int | None, typer.Option(help="Only reports with this reason, by its id.")] = None,
    user: Annotated[str, typer.Option(help="Reports of this user and the user's things, newest first.")] = "",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List open reports, oldest first."""

    async def print_reports(database: Database, settings: Settings) -> None:
        if user or all_:
            about = await user_id_of(database, user) if user else None
            found = await store.latest(database, limit, kind, reason, about)
        else:
            found = await store.waiting(database, limit, kind, reason)
        if as_json:
            typer.echo(msgspec.json.encode(found))
            return
        usernames = await accounts.usernames(database, list({report.user_id for report in found}))
        table = columns("report", "of", "user", "reason", "open reports", "age", "state")
        for report in found:
            table.add_row(
                str(report.id),
                _subject(report),
                usernames.get(report.user_id, str(report.user_id)),
                report.reason,
                str(report.open_reports),
                age((utc_now() - report.created_at).total_seconds()),
                _state(report),
            )
        out.print(table if found else "There are no reports.", highlight=False, markup=False)

    with_database(print_reports)


def show(
    report_id: ReportArgument,
    pictures: Annotated[
        Path | None, typer.Option(help="Write the pictures to this new folder, which only you can read.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show one report with what was reported. Reading the pictures is recorded in the audit log."""

    async def print_report(database: Database, settings: Settings) -> None:
        report = await deciding.reported(database, report_id)
        decision = None if report.decision_id is None else await store.decision(database, report.decision_id)
        if as_json:
            typer.echo(msgspec.json.encode({"report": report, "decision": decision}))
        else:
            await _print(database, report, decision)
        if pictures is not None:
            await _write(database, settings, report, pictures)

    with_database(print_report)


async def _print(database: Database, report: Report, decision: Decision | None) -> None:
    named = [report.user_id, *([report.reporter_id] if report.reporter_id is not None else [])]
    usernames = await accounts.usernames(database, named)
    reporter = "removed" if report.reporter_id is None else usernames[report.reporter_id]
    table = columns("", "")
    for name, value in {
        "report": str(report.id),
        "of": _subject(report),
        "user": f"{usernames[report.user_id]} (user {report.user_id})",
        "reason": report.reason,
        "description": report.description,
        "reporter": f"{reporter} (user {report.reporter_id})" if report.reporter_id else reporter,
        "created": f"{report.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "open reports": str(report.open_reports),
        "pictures": str(len(report.files)),
        "state": _state(report),
    }.items():
        table.add_row(name, value)
    if report.evidence is None:
        table.add_row("as it was", "deleted")
    for name, shown in (report.evidence or {}).items():
        table.add_row(f"its {name}", str(shown))
    if decision is not None:
        table.add_row("decision", f"{decision.id}: {_action(decision)}. {decision.why}")
    out.print(table, highlight=False, markup=False)


async def _write(database: Database, settings: Settings, report: Report, folder: Path) -> None:
    from stagedoor.parts.storage import storage  # slow to import

    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise typer.BadParameter(f"{folder}: {error.strerror}.", param_hint="--pictures") from None
    read = await deciding.read_evidence(database, Files(storage(settings), database), actor(), report)
    for name, content in read:
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    if read:
        out.print(
            f"{len(read)} pictures are in {folder}. Delete them when you have decided.", highlight=False, markup=False
        )
    else:
        folder.rmdir()
        out.print("The report has no pictures.")


def close(
    report_id: ReportArgument,
    action: Annotated[
        Action,
        typer.Argument(
            help="none; remove what was reported; end the stream; suspend or ban the user.", show_choices=True
        ),
    ],
    why: Why,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_SUSPENSION_DAYS, help="Length of a suspension.")] = 7,
    yes: Yes = False,
) -> None:
    """Close a report, and every other open report of the same thing, with an action. Both sides are told why."""
    _check_why(why)

    async def close_report(operator: Operator, database: Database, settings: Settings) -> None:
        if action is not Action.NONE:
            report = await deciding.reported(database, report_id)
            username = (await accounts.usernames(database, [report.user_id]))[report.user_id]
            length = f" for {days} days" if action is Action.SUSPEND else ""
            confirm(f"{action.value.capitalize()}{length}: {_subject(report)} of {username}?", yes=yes)
        closed = await _deciding(operator, database, settings).close(report_id, action, why.strip(), days)
        noun = "report is" if closed.reports == 1 else "reports are"
        out.print(f"{closed.reports} {noun} closed by decision {closed.decision_id}.", highlight=False)
        if closed.stream is not None:
            await tell_when_gone(settings, database, closed.stream)

    with_operator(close_report)


def list_appeals(limit: Limit = 50, as_json: AsJson = False) -> None:
    """List open appeals, oldest first."""

    async def print_appeals(database: Database, settings: Settings) -> None:
        found = await store.appeals(database, limit)
        if as_json:
            typer.echo(msgspec.json.encode(found))
            return
        usernames = await accounts.usernames(database, [decision.user_id for decision in found])
        table = columns("decision", "user", "action", "why", "decided", "appeal")
        for decision in found:
            table.add_row(
                str(decision.id),
                usernames.get(decision.user_id, ""),
                _action(decision),
                decision.why,
                f"{decision.decided_at:%Y-%m-%d}",
                decision.appeal,
            )
        out.print(table if found else "There are no open appeals.", highlight=False, markup=False)

    with_database(print_appeals)


def accept(decision_id: DecisionArgument, why: Why) -> None:
    """Accept an appeal: a suspension or a ban ends. What was removed or ended stays so."""
    _answer(decision_id, why, accepted=True)


def reject(decision_id: DecisionArgument, why: Why) -> None:
    """Reject an appeal. The decision stays."""
    _answer(decision_id, why, accepted=False)


def _answer(decision_id: int, why: str, *, accepted: bool) -> None:
    _check_why(why)

    async def answer(operator: Operator, database: Database, settings: Settings) -> None:
        await _deciding(operator, database, settings).answer_appeal(decision_id, accepted=accepted, why=why.strip())
        said = "accepted" if accepted else "rejected"
        out.print(f"The appeal of decision {decision_id} is {said}.", highlight=False)

    with_operator(answer)


def _deciding(operator: Operator, database: Database, settings: Settings) -> Deciding:
    from control_plane.pictures.clips import Clips
    from control_plane.pictures.pictures import Pictures
    from stagedoor.parts.reports import things_of  # slow to import
    from stagedoor.parts.storage import storage

    files = Files(storage(settings), database)
    media = ProfileMedia(database, files, Pictures(), Clips(settings.uploads_dir, settings.ffmpeg))
    return Deciding(database, operator.lifecycle, things_of(settings, database, files, media), actor())


def _check_why(why: str) -> None:
    if not 1 <= len(why.strip()) <= LONGEST_WHY:
        raise typer.BadParameter(f"1 to {LONGEST_WHY} characters.", param_hint="--why")


def _subject(report: Report) -> str:
    return f"{report.subject.kind} {report.subject.id}"


def _state(report: Report) -> str:
    return "open" if report.decision_id is None else f"closed by decision {report.decision_id}"


def _action(decision: Decision) -> str:
    lifted = ", lifted" if decision.lifted_at else ""
    until = f" until {decision.until:%Y-%m-%d %H:%M} UTC" if decision.until else ""
    return f"{decision.action.value}{until}{lifted}"


COMMANDS: Commands = {"list": list_reports, "show": show, "close": close}
APPEALS: Commands = {"list": list_appeals, "accept": accept, "reject": reject}
