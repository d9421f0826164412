"""The Firebase service account."""

from __future__ import annotations

import time
from collections.abc import Callable

from control_plane.base.service_account import ServiceAccount

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


def fcm_account(credentials: str, token_url: str, *, clock: Callable[[], float] = time.monotonic) -> ServiceAccount:
    """Raises UnusableAccount."""
    return ServiceAccount(credentials, token_url, scope=SCOPE, setting="LIVE_PUSH_FCM_CREDENTIALS", clock=clock)
