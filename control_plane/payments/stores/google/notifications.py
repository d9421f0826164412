"""Real-time developer notifications: Google Play publishes them to Pub/Sub, which pushes them to /stores/google with a
signed token (OpenID Connect).

https://developer.android.com/google/play/billing/rtdn-reference
https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from typing import Annotated

import msgspec

from control_plane.accounts.providers.id_tokens import IdTokens, InvalidIdToken, Provider
from control_plane.accounts.providers.key_set import KeySet, KeysUnavailable
from control_plane.config.stores import Google
from control_plane.payments.stores.google.tokens import is_purchase_token
from control_plane.payments.stores.model import Message, Notice, NoticeKind, NotificationRefused, StoreUnavailable

log = logging.getLogger(__name__)

_ISSUER = "pubsub"
_ONE_TIME = 2
"""`productType` of what is bought once. 1: subscriptions."""


class _Published(msgspec.Struct, rename="camel"):
    data: str
    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class _Push(msgspec.Struct):
    message: _Published


class _OneTimeProduct(msgspec.Struct, rename="camel"):
    purchase_token: str


class _VoidedPurchase(msgspec.Struct, rename="camel"):
    purchase_token: str
    product_type: int = _ONE_TIME


class _DeveloperNotification(msgspec.Struct, rename="camel"):
    """Exactly one kind is present. Those that are not named here, such as tests and subscriptions, are ignored."""

    package_name: str
    one_time_product_notification: _OneTimeProduct | None = None
    voided_purchase_notification: _VoidedPurchase | None = None


class Notifications:
    def __init__(self, settings: Google, address: str) -> None:
        """`address`: the URL of /stores/google, which is the audience unless the settings name another one."""
        self._package_name = settings.package_name
        self._account = settings.push_account
        audience = settings.push_audience or address
        keys = KeySet(settings.push_jwks_url)
        self._id_tokens = IdTokens([Provider(_ISSUER, "Pub/Sub", {settings.push_issuer: (audience,)}, keys)])

    async def read(self, message: Message) -> Sequence[Notice]:
        """Raises NotificationRefused, StoreUnavailable."""
        await self._verify(message.headers.get("authorization", ""))
        try:
            published = msgspec.json.decode(message.body, type=_Push).message
            content = base64.b64decode(published.data, validate=True)
            notification = msgspec.json.decode(content, type=_DeveloperNotification)
        except (msgspec.MsgspecError, ValueError):
            raise _refused("not understood") from None
        if notification.package_name != self._package_name:
            raise _refused("for another package")
        token = _changed(notification)
        if token is None:
            return ()
        if not is_purchase_token(token):
            raise _refused("no purchase token")
        return (Notice(published.message_id, NoticeKind.CHANGED, token),)

    async def _verify(self, authorization: str) -> None:
        """Google signs tokens for everyone who uses its cloud: that Pub/Sub pushes for us is in audience and email."""
        scheme, _, token = authorization.partition(" ")
        if not self._account or scheme.lower() != "bearer":
            raise _refused("no token" if self._account else "LIVE_STORES_GOOGLE_PUSH_ACCOUNT is not set")
        try:
            claims = await self._id_tokens.verified(token.strip(), _ISSUER)
        except InvalidIdToken:
            raise _refused("invalid token") from None
        except KeysUnavailable:
            raise StoreUnavailable from None
        if "exp" not in claims or claims.get("email_verified") is not True or claims.get("email") != self._account:
            raise _refused("token of another account")


def _changed(notification: _DeveloperNotification) -> str | None:
    """The token of the purchase that changed."""
    voided = notification.voided_purchase_notification
    if voided is not None:
        return voided.purchase_token if voided.product_type == _ONE_TIME else None
    bought = notification.one_time_product_notification
    return bought.purchase_token if bought is not None else None


def _refused(why: str) -> NotificationRefused:
    log.warning("google_notification_refused", extra={"why": why})
    return NotificationRefused("The notification is not from Google Play for this app.")
