"""`stagedoor purchases`: claims of purchases that wait or were refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from control_plane.accounts import store as accounts
from control_plane.base.clock import utc_now
from control_plane.base.ids import LARGEST_ID
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.purchases import ClaimNotOpen
from control_plane.payments import claims_store as claims
from control_plane.payments import purchases_store as payments
from control_plane.payments.claims_store import ClaimState, KeptClaim
from stagedoor.cli.at_work import actor, user_id_of
from stagedoor.cli.database import with_database
from stagedoor.cli.streams import age
from stagedoor.cli.terminal import Commands, columns, out

ClaimArgument = Annotated[
    int, typer.Argument(metavar="CLAIM", min=1, max=LARGEST_ID, help="Id, as shown by `stagedoor purchases list`.")
]
Claims = Annotated[
    list[int],
    typer.Argument(metavar="CLAIM…", min=1, max=LARGEST_ID, help="Ids, as shown by `stagedoor purchases list`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SHOWN_OF_RECEIPT = 24
"""Characters. A whole receipt can be a credential for its store."""


def list_claims(
    all_: Annotated[bool, typer.Option("--all", help="Credited ones too, newest first.")] = False,
    user: Annotated[str, typer.Option(help="All claims of this user, newest first.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of claims.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List purchases that wait for a store, oldest first, then those that were refused, newest first."""

    async def print_claims(database: Database, settings: Settings) -> None:
        found: Sequence[KeptClaim]
        if user or all_:
            found = await claims.latest(database, limit, await user_id_of(database, user) if user else None)
        else:
            found = [*await claims.open_claims(database, limit), *await claims.refused(database, limit)][:limit]
        if as_json:
            typer.echo(msgspec.json.encode([_told(claim) for claim in found]))
            return
        usernames = await accounts.usernames(database, list({claim.user_id for claim in found}))
        table = columns("claim", "user", "store", "transaction", "age", "state", "reason", "asked")
        for claim in found:
            table.add_row(
                str(claim.id),
                usernames.get(claim.user_id, str(claim.user_id)),
                claim.store,
                claim.transaction_id or _receipt(claim),
                age((utc_now() - claim.created_at).total_seconds()),
                _state(claim),
                claim.reason,
                str(claim.attempts),
            )
        out.print(table if found else "No purchase waits, and none was refused.", highlight=False, markup=False)

    with_database(print_claims)


def show(claim_id: ClaimArgument, as_json: AsJson = False) -> None:
    """Show one claim, and what was credited for it."""

    async def print_claim(database: Database, settings: Settings) -> None:
        claim = await claims.get(database, claim_id)
        if claim is None:
            raise ClaimNotOpen(f"There is no claim {claim_id}.")
        purchase = await payments.find_purchase(database, claim.store, claim.transaction_id)
        if as_json:
            typer.echo(msgspec.json.encode({"claim": _told(claim), "purchase": purchase}))
            return
        usernames = await accounts.usernames(database, [claim.user_id])
        table = columns("", "")
        shown = {
            "claim": str(claim.id),
            "user": f"{usernames.get(claim.user_id, '')} (user {claim.user_id})",
            "store": claim.store,
            "receipt": _receipt(claim),
            "transaction": claim.transaction_id or "the store has not answered",
            "state": _state(claim),
            "reason": claim.reason,
            "came": f"{claim.created_at:%Y-%m-%d %H:%M:%S} UTC",
            "asked by the job": str(claim.attempts),
            "asked next": f"{claim.due_at:%Y-%m-%d %H:%M:%S} UTC" if claim.due_at else "not any more",
        }
        if purchase is not None:
            price = f"{purchase.price_minor / 100:.2f} {purchase.currency}"
            shown["purchase"] = f"{purchase.id}: {purchase.coins} coins for {price} by user {purchase.user_id}"
            shown["refunded"] = f"{purchase.refunded_coins} coins"
        for name, value in shown.items():
            table.add_row(name, value)
        out.print(table, highlight=False, markup=False)

    with_database(print_claim)


def retry(claim_ids: Claims) -> None:
    """Ask the store again now, also about a claim that was refused: after you have added its product, for example."""
    from control_plane.operations import purchases  # loads the job queue, which is slow to import

    async def retry_claims(database: Database, settings: Settings) -> None:
        for claim_id in claim_ids:
            claim = await purchases.retry(database, actor(), claim_id)
            out.print(f"The server asks the store {claim.store} about claim {claim_id}.", highlight=False)

    with_database(retry_claims)


def _told(claim: KeptClaim) -> dict[str, object]:
    return {**msgspec.to_builtins(claim), "reference": _receipt(claim)}


def _receipt(claim: KeptClaim) -> str:
    shown = claim.reference[:SHOWN_OF_RECEIPT]
    return shown if shown == claim.reference else f"{shown}…"


def _state(claim: KeptClaim) -> str:
    untold = claim.state is ClaimState.CREDITED and claim.due_at is not None
    return "credited, the store is not told" if untold else claim.state.value


COMMANDS: Commands = {"list": list_claims, "show": show, "retry": retry}
