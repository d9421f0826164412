"""The calls of the Google Play Developer API that purchases need:
https://developers.google.com/android-publisher/api-ref/rest/v3."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from control_plane.base.bounded_answer import read_whole
from control_plane.base.service_account import NoAccessToken, ServiceAccount
from control_plane.payments.stores.model import LOOK_UP_S, ReceiptRefused, StoreUnavailable

log = logging.getLogger(__name__)

SCOPE = "https://www.googleapis.com/auth/androidpublisher"
CREDENTIALS = "LIVE_STORES_GOOGLE_CREDENTIALS"
PACKAGE_NAME = "LIVE_STORES_GOOGLE_PACKAGE_NAME"
LARGEST_ANSWER = 1024 * 1024
"""Bytes. Larger: a faulty server costs more memory. Smaller: a page of voided purchases may not fit."""
PAGE = 500
"""Voided purchases in one answer; each has about 400 bytes."""

T = TypeVar("T")
_Time = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class PurchaseStateContext(msgspec.Struct, rename="camel"):
    purchase_state: str


class ProductOfferDetails(msgspec.Struct, rename="camel"):
    quantity: Annotated[int, msgspec.Meta(ge=1)] = 1
    refundable_quantity: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """How many were not refunded. None: Google does not say that any was."""
    consumption_state: str = ""


class ProductLineItem(msgspec.Struct, rename="camel"):
    product_id: str
    product_offer_details: ProductOfferDetails = msgspec.field(default_factory=ProductOfferDetails)


class TestPurchaseContext(msgspec.Struct, rename="camel"):
    pass


class ProductPurchase(msgspec.Struct, rename="camel"):
    """ProductPurchaseV2."""

    purchase_state_context: PurchaseStateContext
    product_line_item: Annotated[Sequence[ProductLineItem], msgspec.Meta(min_length=1)]
    order_id: str = ""
    """Empty before the payment, and where there is no order, such as for a promotion code."""
    purchase_completion_time: _Time | None = None
    """None before the payment."""
    obfuscated_external_account_id: str = ""
    test_purchase_context: TestPurchaseContext | None = None


class VoidedPurchase(msgspec.Struct, rename="camel"):
    purchase_token: str
    order_id: str = ""
    voided_time_millis: str = ""
    voided_quantity: int = 0
    """0: the whole purchase."""


class _TokenPagination(msgspec.Struct, rename="camel"):
    next_page_token: str = ""


class VoidedPurchases(msgspec.Struct, rename="camel"):
    voided_purchases: Sequence[VoidedPurchase] = ()
    token_pagination: _TokenPagination = msgspec.field(default_factory=_TokenPagination)


class _Reason(msgspec.Struct):
    reason: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    status: str = ""
    errors: Sequence[_Reason] = ()

    @property
    def code(self) -> str:
        return (self.errors[0].reason if self.errors else self.status)[:60]


class _Failure(msgspec.Struct):
    error: _Error


_purchases = msgspec.json.Decoder(ProductPurchase)
_voided = msgspec.json.Decoder(VoidedPurchases)
_failures = msgspec.json.Decoder(_Failure)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


class PlayApi:
    """Every call ends within LOOK_UP_S. Purchase tokens are in the URLs, so no URL and no text of an error is logged."""

    def __init__(self, account: ServiceAccount, url: str, package_name: str, session: aiohttp.ClientSession) -> None:
        self._account = account
        self._purchases = f"{url.rstrip('/')}/androidpublisher/v3/applications/{quote(package_name, safe='')}/purchases"
        self._session = session

    async def purchase(self, token: str) -> ProductPurchase:
        """Raises ReceiptRefused, StoreUnavailable."""
        return _decoded(_purchases, await self._ask("GET", f"productsv2/tokens/{quote(token, safe='')}"))

    async def consume(self, product_id: str, token: str) -> None:
        """Raises ReceiptRefused, also for a purchase that is consumed, and StoreUnavailable."""
        path = f"products/{quote(product_id, safe='')}/tokens/{quote(token, safe='')}:consume"
        await self._ask("POST", path)

    async def voided(self, since: dt.datetime, page: str) -> VoidedPurchases:
        """A page of the purchases that were refunded or charged back since then, in whole or in part. `page`: empty for
        the first one. Raises ReceiptRefused, StoreUnavailable."""
        query: dict[str, str | int] = {
            "startTime": int(since.timestamp() * 1000),
            "includeQuantityBasedPartialRefund": "true",
            "maxResults": PAGE,
        }
        if page:
            query["token"] = page
        return _decoded(_voided, await self._ask("GET", "voidedpurchases", query))

    async def _ask(self, method: str, path: str, query: Mapping[str, str | int] | None = None) -> bytes:
        url = URL(f"{self._purchases}/{path}" + (f"?{urlencode(query)}" if query else ""), encoded=True)
        try:
            async with asyncio.timeout(LOOK_UP_S):
                answer = await self._attempt(method, url)
                if answer.status == 401:  # the access token ended early, or was revoked
                    answer = await self._attempt(method, url)
        except NoAccessToken as error:
            log.error("google_play_no_access", extra={"setting": CREDENTIALS, "why": str(error)})
            raise StoreUnavailable from None
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as error:
            log.warning("google_play_unavailable", extra={"why": type(error).__name__})
            raise StoreUnavailable from None
        if 200 <= answer.status < 300:
            return answer.body
        raise _failure(answer)

    async def _attempt(self, method: str, url: URL) -> _Answer:
        access = await self._account.access_token()
        headers = {"Authorization": f"Bearer {access}"}
        async with self._session.request(method, url, headers=headers, allow_redirects=False) as response:
            if response.status == 401:
                self._account.refused(access)
            return _Answer(response.status, await read_whole(response, LARGEST_ANSWER))


def _failure(answer: _Answer) -> ReceiptRefused | StoreUnavailable:
    """An answer that is not Google's own refusal of the purchase is no refusal: a wrong setting must not lose one that
    was paid."""
    status = answer.status
    try:
        error = _failures.decode(answer.body).error
    except msgspec.MsgspecError:
        error = None
    why = (error and error.code) or f"HTTP {status}"
    if status in (401, 403):
        log.error("google_play_no_access", extra={"setting": CREDENTIALS, "why": why})
    elif status == 404 and error and (why == "applicationNotFound" or "package" in error.message.lower()):
        log.error("google_play_no_access", extra={"setting": PACKAGE_NAME, "why": why})
    elif status == 410 or (status in (400, 404) and error):
        log.info("google_play_purchase_refused", extra={"why": why})
        return ReceiptRefused()
    else:
        log.warning("google_play_unavailable", extra={"why": why})
    return StoreUnavailable()


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        log.warning("google_play_not_understood")
        raise StoreUnavailable from None
