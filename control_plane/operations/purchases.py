"""An operator's act about purchases: ask the store again."""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.pool import Database
from control_plane.operations.audit import Act, Actor, record, user
from control_plane.payments import claims_store as claims
from control_plane.payments.claims_store import KeptClaim
from control_plane.payments.due import settle_purchases


class ClaimNotOpen(ControlPlaneError):
    code = "claim_not_open"
    kind = ErrorKind.STOPS


async def retry(database: Database, actor: Actor, claim_id: int) -> KeptClaim:
    """Let the job ask the store now, and with all its attempts again. Raises ClaimNotOpen."""
    async with database.transaction() as connection:
        claim = await claims.retry(connection, claim_id)
        if claim is None:
            raise ClaimNotOpen(f"There is no claim {claim_id}, or it is credited.")
        await record(connection, actor, Act.PURCHASE_RETRIED, user(claim.user_id), claim=claim.id, store=claim.store)
        await settle_purchases.set(key=settle_purchases.name).enqueue(connection)
    return claim
