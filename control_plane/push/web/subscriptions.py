"""Browsers that ask for push messages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from urllib.parse import urlsplit

from control_plane.accounts.caller import SessionKey
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.network import is_loopback
from control_plane.db.pool import Database
from control_plane.push import subscriptions_store

SERVICES = ("fcm.googleapis.com", "updates.push.services.mozilla.com", "push.apple.com", "notify.windows.com")
"""Hosts, with those below them, of Chrome, Firefox, Safari and Edge."""
LONGEST_ENDPOINT = 1500
"""Characters. Those of push services have up to about 800. PostgreSQL refuses an index row of more than 2704 bytes."""


class InvalidSubscription(ControlPlaneError):
    code = "invalid_subscription"
    kind = ErrorKind.MALFORMED


class Subscriptions:
    """`services`: further hosts of push services. The browser names its push service, so without a list anyone could have
    us send requests to any server."""

    def __init__(self, database: Database, public_key: str, services: Collection[str]) -> None:
        self._database = database
        self.public_key = public_key
        """The VAPID key that pages give to the browser; empty: nothing is pushed to browsers."""
        self._services = (*SERVICES, *services)

    async def add(self, session: SessionKey, endpoint: str, public_key: str, auth: str, language: str) -> None:
        """From now on this browser shows push messages of the session's user, until the session ends. Raises
        InvalidSubscription."""
        self._check(endpoint, public_key, auth)
        async with self._database.transaction() as connection:
            await subscriptions_store.add(connection, session, endpoint, public_key, auth, language)

    async def has(self, session: SessionKey) -> bool:
        return await subscriptions_store.has(self._database, session)

    async def remove(self, session: SessionKey) -> None:
        await subscriptions_store.remove(self._database, session)

    def _check(self, endpoint: str, public_key: str, auth: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        if not self.public_key:
            raise InvalidSubscription("This server sends no push messages to browsers.")
        if not self._is_known(endpoint):
            raise InvalidSubscription("This server does not send to the push service of this browser.")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(public_key))
            if len(_decoded(auth)) != 16:
                raise ValueError
        except ValueError:
            raise InvalidSubscription("The keys of the subscription are not valid. Reload the page.") from None

    def _is_known(self, endpoint: str) -> bool:
        if len(endpoint) > LONGEST_ENDPOINT or not endpoint.isascii() or not endpoint.isprintable():
            return False
        try:
            parts = urlsplit(endpoint)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        is_listed = any(host == service or host.endswith(f".{service}") for service in self._services)
        is_safe = parts.scheme == "https" and port in (None, 443)
        is_stand_in = parts.scheme == "http" and is_loopback(host)
        return is_listed and (is_safe or is_stand_in) and "@" not in parts.netloc and "\\" not in endpoint


def _decoded(text: str) -> bytes:
    """Raises ValueError."""
    if len(text) > 100:
        raise ValueError
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError from error
