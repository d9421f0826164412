"""The App Store Server API: the calls that purchases of coins need."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp
import msgspec
from appstoreserverlibrary.api_client import APIError, BaseAppStoreServerAPIClient
from appstoreserverlibrary.models.ConsumptionRequest import ConsumptionRequest
from appstoreserverlibrary.models.Environment import Environment

from control_plane.base.bounded_answer import read_whole
from control_plane.payments.stores.model import LOOK_UP_S, ReceiptRefused, StoreUnavailable

log = logging.getLogger(__name__)
T = TypeVar("T")

LARGEST_ANSWER = 256 * 1024
"""Bytes; Apple's answers have about 6,000. Larger: a faulty server costs more memory."""

_UNKNOWN = (APIError.TRANSACTION_ID_NOT_FOUND, APIError.INVALID_TRANSACTION_ID)
_KEY_SETTINGS = (
    "LIVE_STORES_APPLE_ISSUER_ID, LIVE_STORES_APPLE_KEY_ID, LIVE_STORES_APPLE_PRIVATE_KEY_FILE, "
    "LIVE_STORES_APPLE_BUNDLE_ID"
)


class _TransactionAnswer(msgspec.Struct):
    signed: str = msgspec.field(name="signedTransactionInfo")


class _ErrorAnswer(msgspec.Struct):
    code: int = msgspec.field(name="errorCode", default=0)


class ServerApi(BaseAppStoreServerAPIClient):
    """Apple's client, which signs the bearer tokens, with our transport in place of its own. Apple's follows redirects,
    reads answers of any size, and either blocks (`requests`) or needs one more HTTP library."""

    def __init__(
        self,
        private_key: bytes,
        key_id: str,
        issuer_id: str,
        bundle_id: str,
        environment: Environment,
        url: str,
        session: aiohttp.ClientSession,
    ) -> None:
        """`url` empty: Apple's address of the environment."""
        super().__init__(private_key, key_id, issuer_id, bundle_id, environment)
        self._base_url = url.rstrip("/") or self._base_url
        self._session = session

    async def transaction(self, transaction_id: str) -> str:
        """The signed transaction. Raises ReceiptRefused if Apple does not know it, and StoreUnavailable."""
        status, body = await self._ask("GET", f"/inApps/v1/transactions/{transaction_id}")
        if status == 200:
            with suppress(ValueError):
                return decoded(body, _TransactionAnswer).signed
        raise self._failure(status, body)

    async def send_consumption(self, transaction_id: str, consumption: ConsumptionRequest) -> None:
        """A refusal is final and only logged: Apple decides about the refund without our answer. Raises
        StoreUnavailable."""
        path = f"/inApps/v2/transactions/consumption/{transaction_id}"
        status, body = await self._ask("PUT", path, self._get_request_json(consumption))
        if status in (400, 403, 404):
            log.warning("app_store_refuses_consumption", extra={"status": status, "code": _code(body)})
        elif status not in (200, 202):
            raise self._failure(status, body)

    async def _ask(self, method: str, path: str, json: dict[str, Any] | None = None) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method,
                self._get_full_url(path),
                headers=self._get_headers(),
                json=json,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=LOOK_UP_S),
            ) as response:
                return response.status, await read_whole(response, LARGEST_ANSWER)
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as error:
            log.warning("app_store_unavailable", extra={"why": type(error).__name__})
            raise StoreUnavailable from None

    def _failure(self, status: int, body: bytes) -> ReceiptRefused | StoreUnavailable:
        """Apple's own error about the transaction is final. Others end when Apple or the operator has corrected the
        cause."""
        code = _code(body)
        if status in (400, 404) and code in _UNKNOWN:
            return ReceiptRefused()
        if status == 401:
            # Apple also answers so in production as long as the app was never released.
            log.error("app_store_refuses_the_key", extra={"settings": _KEY_SETTINGS, "url": self._base_url})
        else:
            log.warning("app_store_unavailable", extra={"why": f"HTTP {status}", "code": code, "url": self._base_url})
        return StoreUnavailable()


def _code(body: bytes) -> int:
    """Apple's error code. 0: another server's answer, or one without JSON, as those with status 401."""
    try:
        return decoded(body, _ErrorAnswer).code
    except ValueError:
        return 0


def decoded(body: bytes, type_: type[T]) -> T:
    """Raises ValueError, also for what msgspec has other errors for: fields of wrong types, deep nesting."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None
