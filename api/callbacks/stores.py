"""`POST /stores/<name>`: notifications of the App Store (`apple`), Google Play (`google`) and Stripe (`stripe`). Enter the
address in the store's console. The body is the store's own; there is no envelope."""

from __future__ import annotations

import asyncio

from aiohttp import web

from api.contract.request import read_body
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.payments.notifications import Notifications
from control_plane.payments.stores.model import Message, StoreUnavailable

PATH = "/stores/{name}"
LARGEST_BODY = 256 * 1024
"""Bytes. Smaller: a large event of Stripe does not fit. Larger: requests of strangers cost more memory, because the
signature is checked afterwards."""
WITHIN_S = 15.0
"""Longer: a slow sender holds memory for longer. Shorter: a slow database fails more notifications, which come again."""
STATUS = {
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.MALFORMED: 400,
    ErrorKind.UNAVAILABLE: 503,
}


class StoreNotifications:
    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    async def take(self, request: web.Request) -> web.Response:
        """200 only if the notification is kept. A store sends it again after any other answer."""
        try:
            async with asyncio.timeout(WITHIN_S):
                body = await read_body(request.clone(client_max_size=LARGEST_BODY))
                headers = {name.lower(): value for name, value in request.headers.items()}
                await self._notifications.take(request.match_info["name"], Message(headers, body))
        except StoreUnavailable as refusal:
            return _refusal(503, str(refusal))
        except TimeoutError:
            return _refusal(503, "That took too long.")
        except ControlPlaneError as refusal:
            return _refusal(STATUS.get(refusal.kind, 400), str(refusal))
        return web.Response(text="")


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers={"Cache-Control": "no-store"})
