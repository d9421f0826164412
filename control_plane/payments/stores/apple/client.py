"""The App Store as a store of coins: transactions by id, and App Store Server Notifications V2."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction

import msgspec
from appstoreserverlibrary.models.ConsumptionRequest import ConsumptionRequest
from appstoreserverlibrary.models.DeliveryStatus import DeliveryStatus
from appstoreserverlibrary.models.JWSTransactionDecodedPayload import JWSTransactionDecodedPayload
from appstoreserverlibrary.models.NotificationTypeV2 import NotificationTypeV2
from appstoreserverlibrary.models.Type import Type

from control_plane.base.clock import Clock, utc_now
from control_plane.payments.stores.apple.server_api import ServerApi, decoded
from control_plane.payments.stores.apple.signed_data import LONGEST, NotSignedByApple, OfAnotherApp, SignedData
from control_plane.payments.stores.model import (
    LOOK_UP_S,
    Claim,
    Consumption,
    Message,
    Notice,
    NoticeKind,
    NotificationRefused,
    ReceiptRefused,
    State,
    StoreTransaction,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

FRESH = dt.timedelta(days=1)
"""Greatest age of an answer's signature. Larger: an old answer, from before a refund or signed with a certificate that
has expired since, counts for longer. Smaller: purchases wait if a clock is wrong."""
MILLIUNITS = 100_000
"""Apple's integers for percentages: 100,000 is 100 %."""

_ID = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
"""`Transaction.id` of StoreKit 2, an unsigned integer of 64 bits. One spelling for each: without leading zeros."""
_JWS = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_KINDS: dict[str, NoticeKind] = {
    NotificationTypeV2.ONE_TIME_CHARGE: NoticeKind.CHANGED,
    NotificationTypeV2.REFUND: NoticeKind.CHANGED,
    NotificationTypeV2.REFUND_REVERSED: NoticeKind.CHANGED,
    NotificationTypeV2.REFUND_DECLINED: NoticeKind.CHANGED,
    NotificationTypeV2.REVOKE: NoticeKind.CHANGED,
    NotificationTypeV2.CONSUMPTION_REQUEST: NoticeKind.CONSUMPTION_ASKED,
}


class _Notification(msgspec.Struct):
    signed: str = msgspec.field(name="signedPayload")


class AppStore:
    name = "apple"

    def __init__(
        self, api: ServerApi, signed_data: SignedData, *, has_consent: bool = False, clock: Clock = utc_now
    ) -> None:
        """`has_consent`: users agree that Apple learns how much of a purchase they used."""
        self._api = api
        self._signed_data = signed_data
        self._has_consent = has_consent
        self._clock = clock

    def recognises(self, claim: Claim) -> bool:
        """A transaction id, or the JWS of the transaction: `jwsRepresentation` of StoreKit 2."""
        text = claim.transaction_id
        return len(text) <= LONGEST and bool(_ID.fullmatch(text) or _JWS.fullmatch(text))

    async def look_up(self, reference: str) -> StoreTransaction:
        async with _deadline():
            transaction_id = await self._id_of(reference)
            try:
                signed = await self._api.transaction(transaction_id)
            except ReceiptRefused:
                if reference != transaction_id:  # Apple has signed it, so its API only does not know it yet
                    raise StoreUnavailable from None
                raise
            return _described(await self._answer(signed, transaction_id))

    async def finish(self, transaction: StoreTransaction, reference: str) -> None:
        """Nothing: the app finishes the transaction on the phone."""

    async def notices(self, message: Message) -> Sequence[Notice]:
        try:
            signed = decoded(message.body, _Notification).signed
            async with _deadline():
                notification = await self._signed_data.notification(signed)
                kind = _KINDS.get(notification.rawNotificationType or "")
                info = notification.data and notification.data.signedTransactionInfo
                if kind is None or not info:
                    log.debug("app_store_notification_ignored", extra={"type": notification.rawNotificationType})
                    return ()
                transaction = await self._signed_data.transaction(info)
        except (ValueError, NotSignedByApple) as error:
            raise NotificationRefused("The notification is not signed by the App Store.") from error
        except OfAnotherApp as error:
            raise NotificationRefused("The notification is for another app or another environment.") from error
        if transaction.type is not Type.CONSUMABLE:
            return ()
        if not notification.notificationUUID or not transaction.transactionId:
            raise NotificationRefused("The notification has no id, or names no transaction.")
        return (Notice(notification.notificationUUID, kind, transaction.transactionId),)

    async def answer_consumption(self, notice: Notice, facts: Consumption) -> None:
        """Nothing without the users' consent: Apple then wants no answer at all."""
        if not self._has_consent:
            return
        is_counted = facts.delivered and facts.coins > 0
        used = Fraction(min(facts.spent, facts.coins), facts.coins) if is_counted else Fraction(0)
        answer = ConsumptionRequest(
            customerConsented=True,
            sampleContentProvided=False,
            deliveryStatus=DeliveryStatus.DELIVERED if facts.delivered else DeliveryStatus.UNDELIVERED_OTHER,
            consumptionPercentage=int(used * MILLIUNITS),
        )
        async with _deadline():
            await self._api.send_consumption(notice.reference, answer)

    async def _id_of(self, reference: str) -> str:
        """Raises ReceiptRefused."""
        if _ID.fullmatch(reference):
            return reference
        if not _JWS.fullmatch(reference):
            raise ReceiptRefused
        try:
            payload = await self._signed_data.transaction(reference)
        except (NotSignedByApple, OfAnotherApp) as error:
            log.info("app_store_receipt_refused", extra={"why": str(error)})
            raise ReceiptRefused from None
        if not _ID.fullmatch(payload.transactionId or ""):
            raise ReceiptRefused
        return str(payload.transactionId)

    async def _answer(self, signed: str, transaction_id: str) -> JWSTransactionDecodedPayload:
        """Verify an answer of the API. One that is not signed by Apple, is old, or is about another transaction does
        not refuse the purchase: it waits until the operator has corrected the cause, such as a missing root certificate."""
        try:
            payload = await self._signed_data.transaction(signed)
        except OfAnotherApp:
            raise ReceiptRefused from None
        except NotSignedByApple as error:
            why = f"{error}: see LIVE_STORES_APPLE_ROOT_CERTIFICATES and LIVE_STORES_APPLE_URL"
        else:
            is_fresh = abs(self._clock() - _time(payload.signedDate or 0)) <= FRESH
            if is_fresh and payload.transactionId == transaction_id:
                return payload
            why = "an answer about another transaction" if is_fresh else "an old answer, or the clock is wrong"
        log.error("app_store_answer_refused", extra={"why": why})
        raise StoreUnavailable


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    """Raises StoreUnavailable after LOOK_UP_S, which includes the wait for a verification."""
    try:
        async with asyncio.timeout(LOOK_UP_S):
            yield
    except TimeoutError:
        raise StoreUnavailable from None


def _described(payload: JWSTransactionDecodedPayload) -> StoreTransaction:
    """Raises ReceiptRefused for subscriptions and products that are bought once: they are no coins."""
    if payload.type is not Type.CONSUMABLE or not payload.productId or not payload.purchaseDate:
        raise ReceiptRefused
    return StoreTransaction(
        transaction_id=str(payload.transactionId),
        product_id=payload.productId,
        state=State.PAID,  # Apple makes a transaction when it is paid
        bought_at=_time(payload.purchaseDate),
        quantity=payload.quantity or 1,
        account=(payload.appAccountToken or "").lower(),
        refunded=_refunded(payload),
    )


def _refunded(payload: JWSTransactionDecodedPayload) -> Fraction:
    if payload.revocationDate is None:
        return Fraction(0)
    return Fraction(min(payload.revocationPercentage or MILLIUNITS, MILLIUNITS), MILLIUNITS)


def _time(milliseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=milliseconds)
