"""`stagedoor payouts`: list, approve, reject and pay payouts, and write the file for the bank."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from control_plane.accounts import store as accounts
from control_plane.config import secrets
from control_plane.config.secrets import Purpose
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.payouts import PayoutDesk
from control_plane.payouts import store
from control_plane.payouts.model import Payout, State
from control_plane.payouts.sealing import Sealer
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, columns, err, out
from stagedoor.parts.payouts import payout_terms

LONGEST_REASON = 400
PayoutArgument = Annotated[int, typer.Argument(metavar="PAYOUT", help="Id of the payout.", min=1, max=2**31 - 1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_payouts(
    all_: Annotated[bool, typer.Option("--all", help="Paid and rejected ones too, newest first.")] = False,
    state: Annotated[State | None, typer.Option(help="Only payouts in this state, newest first.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of payouts.")] = 50,
    as_json: Json = False,
) -> None:
    """List open payouts, oldest first."""

    async def print_payouts(database: Database, settings: Settings) -> None:
        everything = all_ or state is not None
        found = await (store.latest(database, limit, state) if everything else store.waiting(database, limit))
        if as_json:
            typer.echo(msgspec.json.encode(found))
            return
        names = await accounts.usernames(database, [payout.user_id for payout in found])
        table = columns("payout", "user", "username", "coins", "amount", "to", "state", "requested")
        for payout in found:
            table.add_row(
                *(str(payout.id), str(payout.user_id), names[payout.user_id], str(payout.coins)),
                *(f"{payout.amount} {payout.currency}", f"{payout.method.value} {payout.shown}", _state(payout)),
                f"{payout.created_at:%Y-%m-%d %H:%M}",
            )
        out.print(table if found else "There are no payouts.", highlight=False, markup=False)

    with_database(print_payouts)


def show(
    payout_id: PayoutArgument,
    address: Annotated[
        bool, typer.Option("--address", help="Show the whole address, which is recorded in the audit log.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one payout and the user who asked for it."""

    async def print_payout(desk: PayoutDesk, database: Database) -> None:
        payout = await desk.get(payout_id)
        whole = await desk.read_address(payout) if address else None
        to = whole.value if whole else payout.shown
        if as_json:
            typer.echo(msgspec.json.encode({**msgspec.to_builtins(payout), **({"address": to} if whole else {})}))
            return
        [person] = await accounts.overview(database, 1, payout.user_id + 1)
        gone = "deleted" if person.deleted_at else "banned" if person.banned_at else ""
        table = columns("", "")
        for name, value in {
            "payout": str(payout.id),
            "user": f"{person.username} (user {payout.user_id}{', ' + gone if gone else ''})",
            "coins": f"{payout.coins}, at {payout.cash_per_coin} {payout.currency} each",
            "amount": f"{payout.amount} {payout.currency}",
            "to": f"{payout.method.value} {to}",
            "state": _state(payout),
            "requested": f"{payout.created_at:%Y-%m-%d %H:%M:%S} UTC",
            "approved": f"{payout.approved_at:%Y-%m-%d %H:%M:%S} UTC by {payout.approved_by}"
            if payout.approved_at
            else "no",
            "in a file": f"{payout.exported_at:%Y-%m-%d %H:%M:%S} UTC" if payout.exported_at else "no",
            "reason": payout.reason,
            "reference": payout.bank_reference,
        }.items():
            if value:
                table.add_row(name, value)
        out.print(table, highlight=False, markup=False)

    _at_desk(print_payout)


def approve(payout_id: PayoutArgument) -> None:
    """Approve a payout."""

    async def decide(desk: PayoutDesk, database: Database) -> None:
        _say(payout_id, "approved", await desk.approve(payout_id))

    _at_desk(decide)


def reject(
    payout_id: PayoutArgument,
    reason: Annotated[str, typer.Option(help="Why. The user reads it.")],
    even_approved: Annotated[
        bool, typer.Option("--even-approved", help="Reject it although it is approved: the bank must not pay it.")
    ] = False,
) -> None:
    """Reject a payout: the user gets the coins back."""
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise typer.BadParameter(f"1 to {LONGEST_REASON} characters.", param_hint="--reason")

    async def decide(desk: PayoutDesk, database: Database) -> None:
        _say(payout_id, "rejected", await desk.reject(payout_id, reason.strip(), approved_too=even_approved))

    _at_desk(decide)


def pay(
    payout_id: PayoutArgument,
    reference: Annotated[str, typer.Option(help="The bank's reference of the payment. The user reads it.")],
) -> None:
    """Record that an approved payout is paid."""
    if not 1 <= len(reference.strip()) <= 100:
        raise typer.BadParameter("1 to 100 characters.", param_hint="--reference")

    async def decide(desk: PayoutDesk, database: Database) -> None:
        _say(payout_id, "paid", await desk.pay(payout_id, reference.strip()))

    _at_desk(decide)


def write_csv(
    file: Annotated[Path, typer.Argument(help="A new file, which only you can read.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of payouts.")] = 10_000,
) -> None:
    """Write the approved payouts that are in no file yet for the bank, with their whole addresses. Each is recorded in the
    audit log."""

    async def write(desk: PayoutDesk, database: Database) -> None:
        try:
            written = await desk.write_file(file, limit)
        except OSError as error:
            problem = f"{error.filename or file}: {error.strerror or 'it exists already'}."
            raise typer.BadParameter(problem, param_hint="FILE") from None
        out.print(f"{_number(written.payouts)} in {file}. {_sums(written.payouts)}", highlight=False, markup=False)
        if written.left_out:
            err.print(
                "Left out, because they are held, their users are in debt, or they need another operator: "
                + ", ".join(map(str, written.left_out)),
                highlight=False,
            )

    _at_desk(write)


def _at_desk(work: Callable[[PayoutDesk, Database], Awaitable[None]]) -> None:
    async def at_work(database: Database, settings: Settings) -> None:
        sealer = Sealer(secrets.load_or_create(settings.secrets_path)[Purpose.PAYOUT])
        await work(PayoutDesk(database, payout_terms(settings), sealer, actor()), database)

    with_database(at_work)


def _say(payout_id: int, state: str, changed: bool) -> None:
    out.print(f"Payout {payout_id} is {state}{'' if changed else ' already'}.", highlight=False)


def _number(payouts: Sequence[Payout]) -> str:
    return "1 payout is" if len(payouts) == 1 else f"{len(payouts)} payouts are"


def _sums(payouts: Sequence[Payout]) -> str:
    currencies = sorted({payout.currency for payout in payouts})
    return " ".join(f"{sum(p.amount for p in payouts if p.currency == one)} {one}." for one in currencies)


def _state(payout: Payout) -> str:
    return (
        f"{payout.state.value}, in a file"
        if payout.state is State.APPROVED and payout.exported_at
        else payout.state.value
    )


COMMANDS: Commands = {
    "list": list_payouts,
    "show": show,
    "approve": approve,
    "reject": reject,
    "pay": pay,
    "csv": write_csv,
}
