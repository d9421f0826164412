"""Opens Stripe from its settings. Its library is imported only when a key is set."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import aiohttp

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.settings import Settings

if TYPE_CHECKING:
    from control_plane.payments.stores.stripe.adapter import StripeStore

log = logging.getLogger(__name__)

_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]+")


class UnusableStripe(ControlPlaneError):
    """Stripe is set up and cannot be used. The text never quotes the key."""

    code = "unusable_stripe"
    kind = ErrorKind.STOPS


def open_stripe(settings: Settings, session: aiohttp.ClientSession) -> StripeStore | None:
    """None: not set up. Raises UnusableStripe."""
    options = settings.stores.stripe
    if not options.secret_key:
        return None
    key = _KEY.fullmatch(options.secret_key)
    if key is None:
        raise UnusableStripe(
            "LIVE_STORES_STRIPE_SECRET_KEY must be a secret key (sk_live_…, sk_test_…) or a restricted key (rk_…)."
        )
    try:
        from control_plane.payments.stores.stripe.adapter import StripeStore
    except ImportError as error:
        if error.name != "stripe":
            raise
        raise UnusableStripe("Purchases with Stripe need its library: pip install 'stagedoor[stripe]'.") from None
    live = key[2] == "live"
    if not live and not settings.dev:
        log.warning(
            "stripe_in_test_mode",
            extra={
                "why": "LIVE_STORES_STRIPE_SECRET_KEY is a test key: users get coins for test cards, without paying"
            },
        )
    if not options.webhook_secrets:
        log.warning(
            "stripe_without_webhooks",
            extra={"why": "LIVE_STORES_STRIPE_WEBHOOK_SECRETS is empty: refunds and late payments are not noticed"},
        )
    return StripeStore(options, live, session)
