"""Verification of what Apple signs: a JWS whose certificate chain ends at one of Apple's roots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from appstoreserverlibrary.models.Environment import Environment
from appstoreserverlibrary.models.JWSTransactionDecodedPayload import JWSTransactionDecodedPayload
from appstoreserverlibrary.models.ResponseBodyV2DecodedPayload import ResponseBodyV2DecodedPayload
from appstoreserverlibrary.signed_data_verifier import SignedDataVerifier, VerificationException, VerificationStatus

T = TypeVar("T")

THREADS = 2
"""Verifications at the same time; each takes about 2 ms. More: notifications of a flood take the processor from
everything else. Fewer: a purchase waits longer behind them."""
LONGEST = 64 * 1024
"""Characters of a JWS; Apple's have about 5,000. Longer: forged ones cost more memory."""

_OF_ANOTHER_APP = (VerificationStatus.INVALID_APP_IDENTIFIER, VerificationStatus.INVALID_ENVIRONMENT)


class NotSignedByApple(Exception):
    """The signature, the certificate chain or the format is wrong."""


class OfAnotherApp(Exception):
    """Signed by Apple, but for another app, or for the other environment: sandbox or production."""


class SignedData:
    """Without the library's online checks: they ask Apple's OCSP responder in blocking requests of up to 30 s each, and
    without an answer nothing is verified. A chain must be valid at the time that the signed data names."""

    def __init__(
        self, root_certificates: Sequence[bytes], environment: Environment, bundle_id: str, app_id: int | None
    ) -> None:
        """`root_certificates`: DER."""
        self._verifier = SignedDataVerifier(list(root_certificates), False, environment, bundle_id, app_id)
        self._turns = asyncio.Semaphore(THREADS)

    async def transaction(self, jws: str) -> JWSTransactionDecodedPayload:
        """Raises NotSignedByApple and OfAnotherApp."""
        return await self._verified(self._verifier.verify_and_decode_signed_transaction, jws)

    async def notification(self, jws: str) -> ResponseBodyV2DecodedPayload:
        """Raises NotSignedByApple and OfAnotherApp."""
        return await self._verified(self._verifier.verify_and_decode_notification, jws)

    async def _verified(self, verify: Callable[[str], T], jws: str) -> T:
        if len(jws) > LONGEST:
            raise NotSignedByApple("too long")
        async with self._turns:
            try:
                return await asyncio.to_thread(verify, jws)
            except VerificationException as error:
                raise (OfAnotherApp if error.status in _OF_ANOTHER_APP else NotSignedByApple)(str(error)) from error
            except Exception as error:  # cattrs: signed fields of other types than the library knows
                raise NotSignedByApple(type(error).__name__) from error
