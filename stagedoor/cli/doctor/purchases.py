"""Doctor's check of purchases: which stores are set up, and whether purchases wait for an operator."""

from __future__ import annotations

from control_plane.payments import claims_store as claims
from control_plane.payments.errors import ProductNotOffered
from stagedoor.cli.doctor.finding import Finding, ok, warning
from stagedoor.cli.doctor.installation import Installation

LONGEST_WAIT_S = 86400.0
"""Longer: buyers wait for days without a warning. Shorter: a payment in cash is a warning."""
_SINCE = 27
"""The migration that adds claims."""


async def waiting(at: Installation) -> Finding | None:
    async with at.connection(_SINCE) as connection:
        if connection is None:
            return None
        waiting = await claims.waiting(connection)
        unknown = await claims.refused_for(connection, ProductNotOffered.code)
    stores = at.settings.stores
    set_up = {"apple": stores.apple.bundle_id, "google": stores.google.package_name, "stripe": stores.stripe.secret_key}
    names = [name for name, first in set_up.items() if first]
    text = f"stores: {', '.join(names) or 'none'}; {sum(one.claims for one in waiting)} purchases wait"
    oldest_s = max((one.oldest_s for one in waiting), default=0.0)
    if unknown:
        return warning(
            f"{text}; {unknown} paid purchases have a product that no package has",
            "See `stagedoor purchases list`: add the product, then `stagedoor purchases retry`.",
        )
    if oldest_s > LONGEST_WAIT_S:
        return warning(
            f"{text}; the oldest for {oldest_s / 86400:.0f} days", "See `stagedoor purchases list` for the reason."
        )
    if not names and not at.dev:
        return warning(f"{text}: coins cannot be bought", "Set up a store, see docs/money.md.")
    return ok(text)
