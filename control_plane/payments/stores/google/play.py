"""Google Play as a store of coins."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
from collections.abc import Sequence
from fractions import Fraction

import aiohttp

from control_plane.base.clock import utc_now
from control_plane.base.service_account import ServiceAccount
from control_plane.config.declare import InvalidSettings
from control_plane.config.stores import Google
from control_plane.db.text import is_storable
from control_plane.payments.stores.google.api import (
    CREDENTIALS,
    PACKAGE_NAME,
    SCOPE,
    PlayApi,
    ProductLineItem,
    ProductPurchase,
    VoidedPurchase,
)
from control_plane.payments.stores.google.notifications import Notifications
from control_plane.payments.stores.google.tokens import is_purchase_token
from control_plane.payments.stores.model import (
    Claim,
    Message,
    Notice,
    NoticeKind,
    ReceiptRefused,
    State,
    StoreTransaction,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

VOIDED_KEPT = dt.timedelta(days=30) - dt.timedelta(hours=1)
"""Google lists voided purchases of 30 days and refuses an earlier start. Longer: the clocks may differ by too much.
Shorter: refunds during a longer outage of ours are missed."""
MOST_PAGES = 200
"""Of voided purchases, against a list that does not end. Fewer: a larger list fails."""
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+", re.ASCII)


class GooglePlay:
    """A purchase is known by its order id, which is the same for every text that Google accepts as its token. Where there
    is no order (a purchase that waits for its payment, or with a promotion code), it is known by the token's hash."""

    name = "google"

    def __init__(self, api: PlayApi, notifications: Notifications, *, test_purchases: bool) -> None:
        self._api = api
        self._notifications = notifications
        self._test_purchases = test_purchases

    def recognises(self, claim: Claim) -> bool:
        return is_purchase_token(claim.transaction_id)

    async def look_up(self, reference: str) -> StoreTransaction:
        """`reference`: the purchase token. Raises ReceiptRefused, StoreUnavailable."""
        if not is_purchase_token(reference):
            raise ReceiptRefused
        purchase = await self._api.purchase(reference)
        if purchase.test_purchase_context is not None and not self._test_purchases:
            log.warning("google_test_purchase_refused", extra={"setting": "LIVE_STORES_GOOGLE_TEST_PURCHASES"})
            raise ReceiptRefused
        return _transaction(purchase, reference)

    async def finish(self, transaction: StoreTransaction, reference: str) -> None:
        """Consume the purchase, so that it can be made again and Google does not refund it after three days. Raises
        StoreUnavailable."""
        try:
            await self._api.consume(transaction.product_id, reference)
        except ReceiptRefused:
            await self._require_finished(reference)

    async def _require_finished(self, token: str) -> None:
        """Google refuses to consume what is consumed or refunded, and with several codes. Raises StoreUnavailable."""
        try:
            purchase = await self._api.purchase(token)
        except ReceiptRefused:
            return  # the purchase is not there any more
        is_paid = purchase.purchase_state_context.purchase_state == "PURCHASED"
        if is_paid and _item(purchase).product_offer_details.consumption_state != "CONSUMPTION_STATE_CONSUMED":
            raise StoreUnavailable

    async def notices(self, message: Message) -> Sequence[Notice]:
        """Raises NotificationRefused, StoreUnavailable."""
        return await self._notifications.read(message)

    async def voided(self, since: dt.datetime) -> Sequence[Notice]:
        """Notices of what was refunded or charged back since then, as a safety net: Pub/Sub may be set up late, or give
        up. One that was listed before has the same id. Raises StoreUnavailable."""
        since = max(since, utc_now() - VOIDED_KEPT)
        found: list[Notice] = []
        page = ""
        for _ in range(MOST_PAGES):
            try:
                voided = await self._api.voided(since, page)
            except ReceiptRefused:  # only a request of ours can be wrong
                raise StoreUnavailable from None
            found += [_notice(one) for one in voided.voided_purchases if is_purchase_token(one.purchase_token)]
            page = voided.token_pagination.next_page_token
            if not page:
                return found
        log.error("google_play_not_understood", extra={"why": "the list of voided purchases does not end"})
        raise StoreUnavailable


def open_google(settings: Google, session: aiohttp.ClientSession, address: str) -> GooglePlay | None:
    """None: not configured. `address`: the URL of /stores/google. Raises UnusableAccount and InvalidSettings."""
    if not settings.package_name:
        return None
    if not _PACKAGE.fullmatch(settings.package_name):
        raise InvalidSettings(f"{PACKAGE_NAME} must be the package name of the app, such as com.example.show.")
    if not settings.credentials:
        raise InvalidSettings(
            f"{PACKAGE_NAME} is set, so {CREDENTIALS} must be, too: the JSON key of a service account, or its file."
        )
    account = ServiceAccount(settings.credentials, settings.token_url, scope=SCOPE, setting=CREDENTIALS)
    if not settings.push_account:
        log.warning("google_notifications_off", extra={"setting": "LIVE_STORES_GOOGLE_PUSH_ACCOUNT"})
    return GooglePlay(
        PlayApi(account, settings.url, settings.package_name, session),
        Notifications(settings, address),
        test_purchases=settings.test_purchases,
    )


def _transaction(purchase: ProductPurchase, token: str) -> StoreTransaction:
    """Raises ReceiptRefused, StoreUnavailable."""
    item = _item(purchase)
    account = purchase.obfuscated_external_account_id
    if not is_storable([purchase.order_id, item.product_id, account]):
        raise ReceiptRefused
    state, refunded = _state(purchase, item)
    return StoreTransaction(
        transaction_id=purchase.order_id or f"token:{_hash(token)}",
        product_id=item.product_id,
        state=state,
        bought_at=purchase.purchase_completion_time or utc_now(),
        quantity=item.product_offer_details.quantity,
        account=account,
        refunded=refunded,
    )


def _state(purchase: ProductPurchase, item: ProductLineItem) -> tuple[State, Fraction]:
    """Raises StoreUnavailable."""
    match purchase.purchase_state_context.purchase_state:
        case "PURCHASED":
            details = item.product_offer_details
            left = details.quantity if details.refundable_quantity is None else details.refundable_quantity
            return State.PAID, 1 - min(Fraction(left, details.quantity), Fraction(1))
        case "CANCELLED" if purchase.purchase_completion_time is not None:
            return State.PAID, Fraction(1)  # refunded, charged back, or not consumed within three days
        case "CANCELLED":
            return State.CANCELLED, Fraction(0)
        case "PENDING":
            return State.PENDING, Fraction(0)
        case _:
            log.warning("google_play_not_understood", extra={"why": "the state of a purchase"})
            raise StoreUnavailable


def _item(purchase: ProductPurchase) -> ProductLineItem:
    """Raises ReceiptRefused."""
    first, *more = purchase.product_line_item
    if more:  # the apps sell one product at a time; Google gives the money back, because it is never consumed
        log.warning("google_play_not_understood", extra={"why": "a purchase of several products"})
        raise ReceiptRefused
    return first


def _notice(voided: VoidedPurchase) -> Notice:
    purchase = voided.order_id or _hash(voided.purchase_token)
    return Notice(
        f"voided:{purchase}:{voided.voided_time_millis}:{voided.voided_quantity}"[:200],
        NoticeKind.CHANGED,
        voided.purchase_token,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
