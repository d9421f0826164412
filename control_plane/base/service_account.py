"""A service account of Google Cloud: its key, and the access tokens that it gets for it (OAuth 2.0, RFC 7523, by
google-auth)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from control_plane.base.daemon_thread import in_daemon_thread
from control_plane.base.errors import ControlPlaneError, ErrorKind

LIFETIME_S = 3600.0
"""Google's tokens live this long."""
RENEW_S = 300.0
"""A token is replaced this long before its end. Larger: more exchanges. Smaller: a request may arrive after its end."""
ANSWER_S = 5.0
"""Timeout of one request for a token; google-auth makes up to three."""
RETRY_S = 10.0
"""Least time between two exchanges after a failure. Smaller: more requests while the endpoint is away."""


class UnusableAccount(ControlPlaneError):
    """A setting names no service account. The text never quotes it."""

    code = "unusable_credentials"
    kind = ErrorKind.STOPS


class NoAccessToken(ControlPlaneError):
    """The token endpoint refuses the account, or does not answer. The text quotes no key."""

    code = "no_access_token"
    kind = ErrorKind.UNAVAILABLE


class ServiceAccount:
    """`access_token` is shared by all callers: one exchange at once."""

    def __init__(
        self,
        credentials: str,
        token_url: str,
        *,
        scope: str,
        setting: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`credentials`: the JSON key, or the path of its file. `scope`: what the tokens allow. `setting`: the variable
        that errors name. Raises UnusableAccount."""
        self._key = _key(credentials, setting)
        self._token_url = token_url
        self._scope = scope
        self._clock = clock
        self._token = ""
        self._renew_at = 0.0
        self._failed_at = float("-inf")
        self._exchange: asyncio.Task[str] | None = None

    @property
    def project_id(self) -> str:
        return str(self._key["project_id"])

    @property
    def email(self) -> str:
        return str(self._key["client_email"])

    async def access_token(self) -> str:
        """Raises NoAccessToken."""
        if self._token and self._clock() < self._renew_at:
            return self._token
        if self._exchange is None:
            if self._clock() - self._failed_at < RETRY_S:
                raise NoAccessToken("The token endpoint failed a moment ago.")
            self._exchange = asyncio.create_task(self._exchanged())
            self._exchange.add_done_callback(self._ended)
        return await asyncio.shield(self._exchange)  # a caller that gives up does not take it from the others

    def refused(self, token: str) -> None:
        """The service does not accept this token: the next caller gets another one."""
        if token == self._token:
            self._token = ""

    def _ended(self, task: asyncio.Task[str]) -> None:
        self._exchange = None
        if task.cancelled() or task.exception() is not None:
            self._failed_at = self._clock()

    async def _exchanged(self) -> str:
        began = self._clock()
        token = await in_daemon_thread(partial(_exchange, self._key, self._token_url, self._scope))
        self._token, self._renew_at = token, began + LIFETIME_S - RENEW_S
        return token


def _exchange(key: dict[str, Any], token_url: str, scope: str) -> str:
    """Blocks. Raises NoAccessToken."""
    # Imported here: slow to import, and not needed without an account.
    import requests
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    try:
        credentials = Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            {**key, "token_uri": token_url}, scopes=[scope]
        )
        with requests.Session() as session:
            session.max_redirects = 0  # a redirect would take the assertion to another server
            credentials.refresh(partial(Request(session), timeout=ANSWER_S))
    except GoogleAuthError as error:  # its text may hold the answer of the endpoint
        raise NoAccessToken(f"{token_url} gives the service account no access token ({_reason(error)}).") from None
    return str(credentials.token)


def _reason(error: Exception) -> str:
    """The OAuth error code, such as `invalid_grant`, else the kind of the failure."""
    answer = error.args[1] if len(error.args) > 1 else None
    return str(answer["error"])[:40] if isinstance(answer, dict) and "error" in answer else type(error).__name__


def _key(credentials: str, setting: str) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        text = credentials if credentials.lstrip().startswith("{") else Path(credentials).expanduser().read_text()
        key = json.loads(text)
        load_pem_private_key(key["private_key"].encode(), password=None)
        if not (key["project_id"] and key["client_email"]) or key.get("type") != "service_account":
            raise ValueError
    except OSError as error:
        raise UnusableAccount(f"The file of {setting} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UnusableAccount(
            f"{setting} must be the JSON key of a service account, or its file: Google Cloud console, IAM & Admin, "
            "Service Accounts, Keys."
        ) from None
    assert isinstance(key, dict), "it has keys"
    return key
