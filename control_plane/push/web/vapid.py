"""VAPID (RFC 8292): the key pair by which push services of browsers know this server."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from control_plane.config.declare import InvalidSettings

LIFETIME_S = 12 * 3600
"""Of a signed header; push services accept at most a day."""
RENEW_S = 3600
"""A header is signed again this long before its end."""


class Vapid:
    def __init__(self, private_key: str, subject: str, *, clock: Callable[[], float] = time.time) -> None:
        """Raises InvalidSettings."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
        from py_vapid import Vapid02, VapidException

        try:
            self._vapid = Vapid02.from_raw(private_key.encode())
            self._vapid.sign({"aud": "https://push.example.com", "sub": subject or "mailto:a@example.com"})
        except VapidException:
            raise InvalidSettings(
                "LIVE_PUSH_WEB_SUBJECT must be an address such as mailto:ops@example.com or https://example.com."
            ) from None
        except ValueError:
            raise InvalidSettings("LIVE_PUSH_WEB_PRIVATE_KEY must be 32 bytes in base64url.") from None
        point = self._vapid.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
        """In base64url, as pages give it to the browser."""
        self._subject = subject
        self._clock = clock
        self._headers: dict[str, tuple[str, float]] = {}
        """By the origin of the push service, with the time of its renewal."""

    def authorization(self, endpoint: str) -> str:
        """The header for a request to this endpoint."""
        parts = urlsplit(endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        header, renew_at = self._headers.get(origin, ("", 0.0))
        now = self._clock()
        if now >= renew_at:
            claims = {"aud": origin, "sub": self._subject, "exp": int(now) + LIFETIME_S}
            header = self._vapid.sign(claims)["Authorization"]
            self._headers[origin] = header, now + LIFETIME_S - RENEW_S
        return header
