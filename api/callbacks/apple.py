"""`POST /callbacks/apple/sign-in`: Apple's notifications about users of Sign in with Apple. Enter this address in the Apple
developer account."""

from __future__ import annotations

from aiohttp import web

from api.contract.request import decode_object, read_body
from control_plane.accounts.providers.apple import AppleEvents
from control_plane.base.errors import ControlPlaneError, ErrorKind

PATH = "/callbacks/apple/sign-in"
LARGEST_BODY = 16 * 1024


class AppleCallbacks:
    def __init__(self, events: AppleEvents) -> None:
        self._events = events

    async def take(self, request: web.Request) -> web.Response:
        """Apple sends a notification again unless it is answered with 200."""
        try:
            payload = decode_object(await read_body(request.clone(client_max_size=LARGEST_BODY))).get("payload")
            await self._events.take(payload if isinstance(payload, str) else "")
        except ControlPlaneError as refusal:
            status = 503 if refusal.kind is ErrorKind.UNAVAILABLE else 400
            return web.Response(status=status, text=f"{refusal}\n")
        return web.Response(text="")
