"""Stripe's library with our HTTP session, and its errors as ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import stripe

from control_plane.base.bounded_answer import read_whole
from control_plane.config.stores import Stripe
from control_plane.payments.stores.model import LOOK_UP_S, StoreUnavailable

log = logging.getLogger(__name__)

SECRET_KEY = "LIVE_STORES_STRIPE_SECRET_KEY"  # noqa: S105 (the name of a setting)
LARGEST_ANSWER = 1 << 20
"""Bytes of one answer. Stripe's objects have some 10 KB; larger costs memory when the address is wrong."""

# Otherwise the library writes an id of this machine into the home directory and sends it, with times of our calls.
stripe.enable_telemetry = False
# At the level "debug" it logs what it posts, card tokens included.
logging.getLogger("stripe").setLevel(logging.WARNING)


def new_client(options: Stripe, session: aiohttp.ClientSession) -> stripe.StripeClient:
    """Without retries: the deadline of a question is short, and jobs ask again later."""
    return stripe.StripeClient(
        options.secret_key,
        base_addresses={"api": options.url.rstrip("/")},
        http_client=_Http(session),
        max_network_retries=0,
    )


@asynccontextmanager
async def asking(within_s: float = LOOK_UP_S) -> AsyncIterator[None]:
    """Around one or more requests. Stripe's refusals (InvalidRequestError, CardError, IdempotencyError) pass; everything
    else is StoreUnavailable."""
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError:
        log.warning("stripe_unavailable", extra={"why": "no answer in time"})
        raise StoreUnavailable from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:  # their texts hold a part of the key
        log.error("stripe_refuses_key", extra={"setting": SECRET_KEY, "status": error.http_status, "why": error.code})
        raise StoreUnavailable from None
    except (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError):
        raise
    except stripe.StripeError as error:  # its text may hold the whole answer
        why = type(error).__name__
        log.warning("stripe_unavailable", extra={"why": why, "status": error.http_status, "id": error.request_id})
        raise StoreUnavailable from None


class _Http(stripe.HTTPClient):
    """Sends the library's requests. Its own aiohttp client follows redirects, which would pass on the key, and reads answers
    of any size."""

    name = "aiohttp"

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__()
        self._session = session

    def sleep_async(self, secs: float) -> Any:
        return asyncio.sleep(secs)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            async with self._session.request(
                method, url, headers=headers, data=post_data, allow_redirects=False
            ) as response:
                return await read_whole(response, LARGEST_ANSWER), response.status, response.headers
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            why = type(error).__name__
            raise stripe.APIConnectionError(why, should_retry=True) from None  # type: ignore[no-untyped-call]
