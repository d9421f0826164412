"""Sends to phones by Firebase Cloud Messaging, HTTP v1, which passes messages for iPhones to APNs.

Errors: https://firebase.google.com/docs/cloud-messaging/error-codes. A token is forgotten only when FCM itself says that
it is no valid one, never because of a wrong setting of ours, which fails for all tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
import msgspec

from control_plane.base.service_account import NoAccessToken, ServiceAccount
from control_plane.push.fcm.message import fcm_message
from control_plane.push.http import QUOTA_S, failed, read_start, retry_after
from control_plane.push.model import SENT, Outcome, Result, ServiceName, Text, Waiting

_TOKEN_IS_NONE = "registration token"  # noqa: S105 (part of an error text)


class Fcm:
    name = ServiceName.FCM

    def __init__(self, account: ServiceAccount, url: str, session: aiohttp.ClientSession) -> None:
        self._account = account
        self._url = f"{url.rstrip('/')}/v1/projects/{account.project_id}/messages:send"
        self._session = session

    async def send(self, waiting: Waiting, text: Text, ttl_s: int) -> Result:
        body = msgspec.json.encode(fcm_message(waiting, text, ttl_s))
        result = await self._attempt(body)
        if result.why == "UNAUTHENTICATED":  # the token ended early, or was revoked
            result = await self._attempt(body)
        return result

    async def _attempt(self, body: bytes) -> Result:
        try:
            token = await self._account.access_token()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                if response.status == 200:
                    await response.read()  # leaves the connection for the next message
                    return SENT
                result = _result(response.status, await read_start(response), response.headers)
        except NoAccessToken as error:
            return Result(Outcome.RETRIED, error.code)
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            return failed(error)
        if result.why == "UNAUTHENTICATED":
            self._account.refused(token)
        return result


class _Detail(msgspec.Struct):
    type: str = msgspec.field(name="@type", default="")
    error_code: str = msgspec.field(name="errorCode", default="")


class _Error(msgspec.Struct):
    status: str = ""
    message: str = ""
    details: list[_Detail] = []


class _Answer(msgspec.Struct):
    error: _Error


_decoder = msgspec.json.Decoder(_Answer)


def _result(status: int, body: bytes, headers: Mapping[str, str]) -> Result:
    try:
        error = _decoder.decode(body).error
    except msgspec.MsgspecError:
        error = _Error()  # not FCM: a proxy, or another server at this URL
    own = [detail.error_code for detail in error.details if detail.type.endswith("google.firebase.fcm.v1.FcmError")]
    code = own[0] if own else error.status or f"HTTP {status}"
    wait_s = retry_after(headers)
    match status, code:
        case _, "UNREGISTERED":
            return Result(Outcome.GONE, code)
        case 404, "NOT_FOUND":
            return Result(Outcome.GONE, "UNREGISTERED")
        case _, "INVALID_ARGUMENT":
            is_of_the_token = bool(own) and _TOKEN_IS_NONE in error.message.lower()
            return Result(Outcome.GONE if is_of_the_token else Outcome.REFUSED, code)
        case _, "SENDER_ID_MISMATCH":  # the app was built for another Firebase project
            return Result(Outcome.REFUSED, code)
        case 429, _:
            return Result(Outcome.RETRIED, "QUOTA_EXCEEDED", max(wait_s, QUOTA_S))
        case 400 | 413, _:
            return Result(Outcome.REFUSED, code)
        case _:
            # UNAVAILABLE, INTERNAL, UNAUTHENTICATED; and THIRD_PARTY_AUTH_ERROR (the APNs key in the Firebase console),
            # PERMISSION_DENIED and answers that are not FCM's: an operator can mend those.
            return Result(Outcome.RETRIED, code, wait_s)
