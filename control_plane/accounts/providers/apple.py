"""What Apple requires beside the sign-in: its token is revoked when an account is deleted, and Apple tells this server
when a user withdraws the consent or deletes the Apple Account."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from control_plane.accounts.providers import store
from control_plane.accounts.providers.clients import OAuthClient
from control_plane.accounts.providers.id_tokens import IdTokens, InvalidIdToken
from control_plane.accounts.providers.store import SealedToken
from control_plane.accounts.session_store import end_sessions
from control_plane.accounts.store import remove_identity
from control_plane.accounts.user import Identity
from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring
from control_plane.db.pool import Database
from control_plane.db.text import is_storable
from control_plane.jobs.kind import job

log = logging.getLogger(__name__)

NAME = "apple"
WITHDRAWN = {"consent-revoked", "account-delete", "account-deleted"}
"""Events after which the Apple Account cannot sign in here. Others, about the forwarding of mail, change nothing."""


@dataclass(frozen=True, slots=True)
class AppleTokens:
    """Keeps and revokes Apple's refresh tokens. `client` is None if this server has no key of Apple's."""

    client: OAuthClient | None
    id_tokens: IdTokens
    database: Database
    keyring: Keyring

    async def keep(self, user_id: UserId, refresh_token: str, client_id: str) -> None:
        if refresh_token:
            sealed = SealedToken(client_id, _cipher(self.keyring).encrypt(refresh_token.encode()))
            await store.keep(self.database, NAME, user_id, sealed)

    async def exchange(self, user_id: UserId, code: str, id_token: str) -> None:
        """Keep the refresh token for the authorization code that an app got beside its ID token.

        The sign-in itself has succeeded by then, so a failure is logged and not raised: the next sign-in brings a new
        code."""
        if self.client is None:
            return
        try:
            client_id = str((await self.id_tokens.verified(id_token, NAME))["aud"])
            tokens = await self.client.exchange(code, client_id)
        except ControlPlaneError as error:
            log.warning("apple_code_not_exchanged", extra={"user": user_id, "why": error.code})
        else:
            await self.keep(user_id, tokens.refresh_token, client_id)

    async def revoke(self, user_id: UserId) -> None:
        """Revoke and forget the token. One that cannot be revoked is only forgotten: the server has no key of Apple's any
        more, or has rotated the secret that sealed it out. Raises KeysUnavailable."""
        sealed = await store.kept(self.database, NAME, user_id)
        if sealed is None:
            return
        try:
            token = _cipher(self.keyring).decrypt(sealed.token).decode()
        except InvalidToken:
            log.warning("apple_token_unreadable", extra={"user": user_id})
        else:
            if self.client is None:
                log.warning("apple_token_not_revoked", extra={"user": user_id})
            else:
                await self.client.revoke(token, sealed.client_id)
        await store.forget(self.database, NAME, user_id)


@job(at_once=2)
async def revoke_apple_token(tokens: AppleTokens, user_id: int) -> None:
    await tokens.revoke(UserId(user_id))


class AppleEvents:
    """Apple's server-to-server notifications."""

    def __init__(self, id_tokens: IdTokens, database: Database) -> None:
        self._id_tokens = id_tokens
        self._database = database

    async def take(self, payload: str) -> None:
        """Verify a notification, and act on it. A repeated one changes nothing: an identity that was added after the
        event stays. Raises InvalidIdToken, KeysUnavailable."""
        event = _event(await self._id_tokens.verified(payload, NAME))
        if event.get("type") not in WITHDRAWN:
            return
        identity = Identity(NAME, str(event.get("sub", "")))
        async with self._database.transaction() as connection:
            user_id = await remove_identity(connection, identity, _time_of(event))
            if user_id is not None:
                await store.forget(connection, NAME, user_id)
                await end_sessions(connection, user_id)
        if user_id is not None:
            log.info("apple_consent_withdrawn", extra={"user": user_id, "event": event["type"]})


def _event(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event is JSON text in the token's claim `events`."""
    try:
        event = json.loads(content["events"])
    except (KeyError, TypeError, ValueError):
        raise InvalidIdToken("Apple") from None
    if not isinstance(event, dict) or not is_storable(event):
        raise InvalidIdToken("Apple")
    return event


def _time_of(event: Mapping[str, Any]) -> dt.datetime:
    """`event_time` is in milliseconds."""
    try:
        return dt.datetime.fromtimestamp(int(event["event_time"]) / 1000, dt.UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise InvalidIdToken("Apple") from None


def _cipher(keyring: Keyring) -> MultiFernet:
    """Encrypts with the newest secret, decrypts with all of them."""
    return MultiFernet(
        [
            Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"stagedoor provider token\0" + secret.value).digest()))
            for secret in keyring.secrets
        ]
    )
